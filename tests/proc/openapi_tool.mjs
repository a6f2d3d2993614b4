// What a description of HTTP endpoints says. Prints one JSON value.
// node openapi_tool.mjs NODE_MODULES read FILE        the validated description, references followed
// node openapi_tool.mjs NODE_MODULES compare FILE     answers on standard input; what is not as described, a list of texts
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const [modules, verb, file] = process.argv.slice(2);
const require = createRequire(modules + "/");
const SwaggerParser = require("@apidevtools/swagger-parser");
const Ajv = require("ajv/dist/2020").default;
const described = await SwaggerParser.validate(file).catch((error) => {
  const details = [error.details ?? []].flat(2).map((d) => `${d.instancePath}: ${d.message} ${JSON.stringify(d.params)}`);
  console.error([error.message.slice(0, 300), ...details.slice(0, 5)].join("\n"));
  process.exit(1);
});

function matches(ajv, schema, value, place, problems) {
  const valid = ajv.compile(schema);
  if (!valid(value)) problems.push(`${place}: ${ajv.errorsText(valid.errors)}: ${JSON.stringify(value).slice(0, 300)}`);
}

function compare({ method, path, status, headers, body }) {
  const ajv = new Ajv({ strict: false });
  const place = `${method} ${path} ${status}`;
  const answer = described.paths[path]?.[method.toLowerCase()]?.responses[status];
  const problems = [];
  if (!answer) return [`${place} is not described`];
  for (const [name, header] of Object.entries(answer.headers ?? {})) {
    const value = headers[name.toLowerCase()];
    if (value !== undefined) matches(ajv, header.schema, value, `${place} ${name}`, problems);
    else if (header.required) problems.push(`${place}: ${name} is missing`);
  }
  if (!answer.content && !body && !headers["content-type"]) return problems;
  const type = (headers["content-type"] ?? "").split(";")[0];
  const content = answer.content?.[type];
  if (!content) problems.push(`${place}: ${type} is not described`);
  else matches(ajv, content.schema, type.endsWith("json") ? JSON.parse(body) : body, place, problems);
  return problems;
}

console.log(JSON.stringify(verb === "read" ? described : JSON.parse(readFileSync(0, "utf8")).flatMap(compare)));
