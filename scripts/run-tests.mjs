// Runs every compiled test file with node's own runner. Arguments filter by path: npm test -- tokenizer. With --require NAME tests
// that need NAME (cuda) fail where it is absent, instead of being skipped.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

const known = ["cuda"];
const { values, positionals: filters } = parseArgs({
  options: { require: { type: "string", multiple: true, default: [] } },
  allowPositionals: true,
});
const unknown = values.require.find(name => !known.includes(name));
if (unknown !== undefined) {
  process.stderr.write(`--require ${unknown}: only ${known.join(", ")} can be required\n`);
  process.exit(1);
}
const files = readdirSync("dist", { recursive: true, encoding: "utf8" })
  .filter(file => file.endsWith(".test.js") && /^(src|test)\//.test(file))
  .filter(file => filters.length === 0 || filters.some(filter => file.includes(filter)))
  .sort()
  .map(file => join("dist", file));
if (files.length === 0) {
  process.stderr.write(`no test file matches ${filters.join(" ")}\n`);
  process.exit(1);
}
const { status } = spawnSync(process.execPath, ["--test", "--test-concurrency=2", ...files], {
  stdio: "inherit",
  env: { ...process.env, CRAM_REQUIRE: values.require.join(",") },
});
process.exit(status ?? 1);
