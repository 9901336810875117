// Every error code of the source is explained in docs/ERRORS.md, and that page explains no code that is gone.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const root = join(import.meta.dirname, import.meta.dirname.includes(join("dist", "test")) ? "../.." : "..");

test("docs/ERRORS.md has a row for each code, in order", () => {
  const inSource = new Set(
    readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
      .filter(name => name.endsWith(".ts") && !name.endsWith(".test.ts"))
      .flatMap(name => readFileSync(join(root, "src", name), "utf8").match(/"E_[A-Z0-9_]+"/g) ?? [])
      .map(code => code.slice(1, -1)),
  );
  const rows = [...readFileSync(join(root, "docs/ERRORS.md"), "utf8").matchAll(/^\| `(E_[A-Z0-9_]+)` \|/gm)];
  const explained = rows.map(match => match[1]!);
  assert.deepEqual(explained, [...inSource].sort());
});
