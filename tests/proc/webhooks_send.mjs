// Signs every example payload for api.github.com with @octokit/webhooks-methods and sends it. One JSON line at the end.
// node webhooks_send.mjs NODE_MODULES URL SECRET
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import http from "node:http";

const [modules, url, secret] = process.argv.slice(2);
const require = createRequire(modules + "/");
const { sign } = await import(pathToFileURL(modules + "/@octokit/webhooks-methods/dist-node/index.js").href);
const events = require(modules + "/@octokit/webhooks-examples/api.github.com/index.json");
const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });

function post(body, headers) {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method: "POST", agent, headers }, (answer) => {
      let text = "";
      answer.setEncoding("utf8");
      answer.on("data", (part) => (text += part));
      answer.on("end", () => resolve({ status: answer.statusCode, body: text }));
    });
    request.on("error", reject);
    request.end(body);
  });
}

const jobs = events.flatMap(({ name, examples }) => examples.map((payload, n) => ({ name, payload, n })));
const sent = [];
async function worker() {
  for (let job; (job = jobs.shift()); ) {
    const body = JSON.stringify(job.payload);
    const delivery = `${job.name}-${job.n}`;
    const answer = await post(body, {
      "content-type": "application/json", "user-agent": "GitHub-Hookshot/test", "x-github-event": job.name,
      "x-github-delivery": delivery, "x-hub-signature-256": await sign(secret, body),
      "content-length": Buffer.byteLength(body),
    });
    sent.push({ delivery, event: job.name, action: job.payload.action ?? null, status: answer.status, answer: answer.body });
  }
}
await Promise.all(Array.from({ length: 8 }, worker));
agent.destroy();
console.log(JSON.stringify(sent));
