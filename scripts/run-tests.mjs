// Runs every compiled test file with node's own runner. Arguments filter by path: npm test -- tokenizer
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";

const filters = process.argv.slice(2);
const files = readdirSync("dist", { recursive: true, encoding: "utf8" })
  .filter(file => file.endsWith(".test.js") && /^(src|test)\//.test(file))
  .filter(file => filters.length === 0 || filters.some(filter => file.includes(filter)))
  .sort()
  .map(file => join("dist", file));
if (files.length === 0) {
  process.stderr.write(`no test file matches ${filters.join(" ")}\n`);
  process.exit(1);
}
const { status } = spawnSync(process.execPath, ["--test", "--test-concurrency=2", ...files], { stdio: "inherit" });
process.exit(status ?? 1);
