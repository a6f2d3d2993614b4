// Lines of JSON on the standard input, each against its own schema of the file named: one line per problem.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
const require = createRequire(process.argv[2] + "/");
const Ajv = require("ajv/dist/2020");
const schemas = JSON.parse(readFileSync(process.argv[3], "utf8"));
const ajv = new Ajv({ strict: true, allErrors: true });
ajv.addSchema({ $id: "weir:ctl", $defs: schemas.$defs });
const checks = {};
for (const [name, schema] of Object.entries(schemas.answers)) checks[name] = ajv.compile(schema);
let lines = 0;
for (const line of readFileSync(0, "utf8").split("\n").filter(Boolean)) {
    const object = JSON.parse(line);
    lines++;
    const check = checks[object.schema];
    if (!check) console.log(`${object.schema}: there is no such schema: ${line.slice(0, 200)}`);
    else if (!check(object))
        for (const e of check.errors) console.log(`${object.schema}: ${e.instancePath || "/"} ${e.message}: ${line.slice(0, 300)}`);
}
console.error(`${lines} lines`);
