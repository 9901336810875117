// Whatever is passed over, one is told as one.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { countReason, describePassedOver } from "./passed-over.ts";

const sources = join(import.meta.dirname, "../../../src");

/** Every reason that stands in the sources, as far as it is written out. */
function listReasons(): string[] {
  const files = readdirSync(sources, { recursive: true, encoding: "utf8" });
  const own = files.filter(name => name.endsWith(".ts") && !name.endsWith(".test.ts"));
  return own.flatMap(name =>
    [...readFileSync(join(sources, name), "utf8").matchAll(/passOver\??\.?\(([^;]*);/g)].flatMap(([, given]) =>
      [...given!.matchAll(/["`]([a-z][^"`]+)["`]/g)].map(([, reason]) => reason!),
    ),
  );
}

test("one that is passed over is told as one, and several as several", () => {
  const reasons = listReasons();
  assert.ok(reasons.length > 10, reasons.join());
  const plural = /^1 (?!of\b|with\b|without\b)(\w+ )?\w{3,}s\b/;
  for (const reason of reasons) assert.doesNotMatch(countReason({ reason, count: 1 }), plural);
  assert.equal(describePassedOver({ reason: "binary files", count: 1, first: ["a"] }), "passed over 1 binary file: a");
  assert.equal(countReason({ reason: "binary files", count: 1200 }), "1,200 binary files");
  assert.equal(countReason({ reason: "broken lines (E_JSON)", count: 1 }), "1 broken line (E_JSON)");
});
