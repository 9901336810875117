import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { isWithin } from "./packages.ts";

// The versions of which Node's notes say that ES modules can be required without a flag, and that nobody is warned of it: 20.19, 22.13, 23.5 and
// what follows them. 22.12 and 23.0 to 23.4 warn.
test("what package.json asks of Node holds for the versions that require ES modules without a word, and for no others", () => {
  const { engines } = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8"));
  const expected: readonly (readonly [string, boolean])[] = [
    ["18.20.8", false],
    ["20.9.0", false],
    ["20.18.3", false],
    ["20.19.0", true],
    ["20.20.1", true],
    ["21.7.3", false],
    ["22.2.0", false],
    ["22.11.0", false],
    ["22.12.0", false],
    ["22.13.0", true],
    ["22.20.0", true],
    ["23.0.0", false],
    ["23.4.0", false],
    ["23.5.0", true],
    ["24.0.0", true],
    ["24.1.0", true],
    ["30.0.0", true],
  ];
  const found = expected.map(([version]) => [version, isWithin(engines.node, version)] as const);
  assert.deepEqual(found, expected);
});
