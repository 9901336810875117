// What CONTRIBUTING.md and README.md show of the sources is what stands there: a change "as it stands" by every line that it adds, any other
// by every line that it takes away or leaves, and README's tree by every folder.

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Block, listBlocks } from "./page-blocks.ts";

const root = join(import.meta.dirname, import.meta.dirname.includes(join("dist", "test")) ? "../.." : "..");

interface Change {
  readonly path: string;
  readonly isNew: boolean;
  readonly lines: readonly string[];
}

/** "# src/a/b.ts (new)" begins each. */
function listChanges({ lines }: Block): Change[] {
  const starts = lines.flatMap((line, i) => (line.startsWith("# ") ? [i] : []));
  return starts.map((start, i) => ({
    path: lines[start]!.slice(2).replace(" (new)", ""),
    isNew: lines[start]!.endsWith(" (new)"),
    lines: lines.slice(start + 1, starts[i + 1]).filter(line => line.trim() !== ""),
  }));
}

/** Without white space and the comma of a list that is a line each; "…" stands for what is left out. */
function holds(source: string, shown: string): boolean {
  const pack = (text: string) => text.replace(/\s+|,(?=\s*[\])}])/g, "");
  const [packed, parts] = [pack(source), pack(shown).replace(/,$/, "").split("…")];
  let at = 0;
  return parts.every(part => {
    const found = packed.indexOf(part, at);
    at = found + part.length;
    return found >= 0;
  });
}

/** Lines that a page promises and the source has not. */
function listMissing(blocks: readonly Block[], added: boolean): string[] {
  return blocks.flatMap(listChanges).flatMap(({ path, isNew, lines }) => {
    const source = existsSync(join(root, path)) ? readFileSync(join(root, path), "utf8") : "";
    // A file that the change makes has nothing that it takes away.
    if (source === "") return isNew && !added ? [] : [path];
    const shown = lines.filter(line => (line.startsWith("+") ? added : !added || !line.startsWith("-")));
    return shown.filter(line => !holds(source, line.replace(/^[+-]/, ""))).map(line => `${path}: ${line}`);
  });
}

const diffs = listBlocks(root, "CONTRIBUTING.md").filter(({ language }) => language === "diff");
const begins = (path: string) => diffs.filter(({ lines }) => lines[0]!.includes(path));

test("CONTRIBUTING's optimizer, mixer and task are those that stand in the sources", () => {
  const standing = [...begins("momentum/lion.ts"), ...begins("identity.ts")];
  assert.equal(standing.length, 2);
  assert.deepEqual(listMissing(standing, true), []);
  const [task] = begins("+export const rte");
  const source = readFileSync(join(root, "src/evaluate/suites/glue.ts"), "utf8");
  for (const line of task!.lines) assert.ok(holds(source, line.slice(1)), line);
});

test("CONTRIBUTING's operation and backend can be added where it says", () => {
  const possible = [...begins("src/backends/cpu/runtime.c"), ...begins("src/backends/backend.ts")];
  assert.equal(possible.length, 2);
  assert.deepEqual(listMissing(possible, false), []);
});

test("README's tree has every folder, and no other", () => {
  const tree = listBlocks(root, "README.md").find(({ lines }) => lines[0]!.startsWith("recipes/"))!;
  const named = tree.lines.flatMap(line => /^( *)(\w+)\/ /.exec(line) ?? []).filter((_, i) => i % 3 === 2);
  const isIn = (folder: string) => (name: string) => existsSync(join(root, folder, name));
  for (const name of named) assert.ok(isIn(".")(name) || isIn("src")(name), name);
  const rooms = readdirSync(join(root, "src"), { withFileTypes: true }).filter(entry => entry.isDirectory());
  assert.deepEqual(
    rooms.map(({ name }) => name).filter(name => !named.includes(name)),
    [],
  );
});
