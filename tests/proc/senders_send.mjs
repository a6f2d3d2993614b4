// Signs events with the library that Standard Webhooks publishes for its senders, rightly and wrongly, and sends them.
// One JSON line at the end: what was answered, and what should have been.
// node senders_send.mjs NODE_MODULES URL SECRET NEXT_SECRET
import { createRequire } from "node:module";
import http from "node:http";

const [modules, url, secret, next] = process.argv.slice(2);
const { Webhook } = createRequire(modules + "/")("standardwebhooks");
const present = new Webhook(secret);
const coming = new Webhook(next);
const stranger = new Webhook("whsec_" + Buffer.from("a secret of nobody here").toString("base64"));
const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });

function post(body, headers) {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method: "POST", agent, headers: { "content-type": "application/json", ...headers } }, (answer) => {
      let text = "";
      answer.setEncoding("utf8");
      answer.on("data", (part) => (text += part));
      answer.on("end", () => resolve({ status: answer.statusCode, answer: text }));
    });
    request.on("error", reject);
    request.end(body);
  });
}

const sent = [];
async function send(wanted, id, body, at, signature) {
  const headers = { "webhook-id": id, "webhook-timestamp": String(Math.floor(at / 1000)), "webhook-signature": signature };
  sent.push({ id, wanted, ...(await post(body, headers)) });
}

const minute = 60_000;
for (let n = 0; n < 100; n++) {
  const body = JSON.stringify({ type: "order.created", data: { customer: `c-${n % 7}`, text: "Größe ✓ ".repeat(n) } });
  const now = new Date();
  const signed = (who, at = now) => who.sign(`msg_${n}`, at, body);
  const id = `msg_${n}`;
  await send(202, id, body, now, signed(n % 2 ? present : coming));
  if (n % 10 === 0) {
    await send(200, id, body, now, `${signed(stranger)} ${signed(present)}`); // both of a sender that rotates
    await send(401, id, body, now, signed(stranger));
    await send(401, id, body + " ", now, signed(present));
    const old = new Date(now - 6 * minute);
    await send(403, id, body, old, signed(present, old));
    await send(401, id, body, now, signed(present, old));
    const recent = new Date(now - 4 * minute);
    await send(200, id, body, recent, signed(coming, recent)); // the same again, signed anew: the id counts
  }
}
agent.destroy();
console.log(JSON.stringify(sent));
