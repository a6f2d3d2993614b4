// Which configurations a schema accepts. Prints one JSON list, an entry a file: null, or why not.
// node schema_tool.mjs NODE_MODULES SCHEMA FILE...
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const [modules, schema, ...files] = process.argv.slice(2);
const require = createRequire(modules + "/");
const Ajv = require("ajv/dist/2020").default;
const YAML = require("yaml");
const ajv = new Ajv({ strict: true, allowUnionTypes: true, allErrors: false });
const valid = ajv.compile(JSON.parse(readFileSync(schema, "utf8")));

console.log(JSON.stringify(files.map((file) => {
  const data = YAML.parse(readFileSync(file, "utf8"), { version: "1.2", merge: false }) ?? {};
  return valid(data) ? null : ajv.errorsText(valid.errors);
})));
