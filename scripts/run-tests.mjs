// Runs every compiled test file with node's own runner. Arguments filter by path: npm test -- tokenizer. With --require NAME tests
// that need NAME (cuda) fail where it is absent, instead of being skipped. The files of a room of src/ share a process, for most of
// them take less time than the modules that they load. Those of test/ have one each.
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
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
  .sort();
if (files.length === 0) {
  process.stderr.write(`no test file matches ${filters.join(" ")}\n`);
  process.exit(1);
}

// Each process has its own, so that two at once leave each other alone; those of ended processes go.
const folder = join("dist", "rooms", String(process.pid));
mkdirSync(folder, { recursive: true });
for (const name of readdirSync(dirname(folder))) {
  if (!isRunning(Number(name)) || name === basename(folder)) rmSync(join(dirname(folder), name), { recursive: true });
}
mkdirSync(folder);
const units = files.filter(file => file.startsWith("src/"));
const rooms = [...new Set(units.map(file => file.split("/")[1]))].map(room => {
  const suites = units
    .filter(file => file.startsWith(`src/${room}/`))
    .map(file => `describe("${file}", () => import("../../${file}"));\n`);
  const path = join(folder, `${room}.mjs`);
  writeFileSync(path, `import { describe } from "node:test";\n${suites.join("")}`);
  return path;
});
const processes = [...rooms, ...files.filter(file => file.startsWith("test/")).map(file => join("dist", file))];
const failed = join(folder, "failed-tests.txt");
const reporters = [
  [process.stdout.isTTY ? "spec" : "tap", "stdout"],
  [new URL("failed-tests.mjs", import.meta.url).href, failed],
].flatMap(([reporter, place]) => [`--test-reporter=${reporter}`, `--test-reporter-destination=${place}`]);
const { status } = spawnSync(process.execPath, ["--test", "--test-concurrency=2", ...reporters, ...processes], {
  stdio: "inherit",
  env: { ...process.env, CRAM_REQUIRE: values.require.join(",") },
});
const text = readFileSync(failed, "utf8");
if (status !== 0 && text !== "") process.stdout.write(`\nfailed tests:\n\n${text}`);
rmSync(folder, { recursive: true });
process.exitCode = status ?? 1;

function isRunning(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code === "EPERM";
  }
}
