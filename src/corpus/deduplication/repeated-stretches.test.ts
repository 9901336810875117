import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import { holdTexts } from "../../../test/corpus-texts.ts";
import { cutStretches, findRepeatedStretches } from "./repeated-stretches.ts";

const root = mkdtempSync(join(tmpdir(), "cram-stretches-"));
after(() => rmSync(root, { recursive: true }));

function find(texts: readonly string[], leastBytes: number, memoryBytes?: number): boolean[] {
  const held = holdTexts(texts);
  const stretches = findRepeatedStretches(held, {
    leastBytes,
    workFolder: root,
    ...(memoryBytes !== undefined && { memoryBytes }),
  });
  const goes = new Array<boolean>(held.byteLength).fill(false);
  let before = -1;
  for (const [start, end] of stretches) {
    assert.ok(start > before);
    goes.fill(true, start, end);
    before = end;
  }
  stretches.close();
  assert.deepEqual(readdirSync(root), []);
  return goes;
}

/** By the definition: of every window, whether its bytes begin at an earlier place of any text. */
function findByDefinition(texts: readonly string[], leastBytes: number): boolean[] {
  const seen = new Set<string>();
  return texts.flatMap(text => {
    const bytes = Buffer.from(text).toString("latin1");
    const goes = new Array<boolean>(bytes.length + 1).fill(false);
    for (let at = 0; at + leastBytes <= bytes.length; at++) {
      const window = bytes.slice(at, at + leastBytes);
      if (seen.has(window)) goes.fill(true, at, at + leastBytes);
      seen.add(window);
    }
    return goes;
  });
}

const letters = fc.string({ unit: fc.constantFrom("a", "b", "é", "語"), maxLength: 60 });
const repeating = fc
  .tuple(fc.array(letters, { minLength: 1, maxLength: 6 }), fc.array(fc.tuple(fc.nat(5), fc.nat(5)), { maxLength: 6 }))
  .map(([pieces, picks]) => [
    ...pieces,
    ...picks.map(([a, b]) => `${pieces[a % pieces.length]}${pieces[b % pieces.length]}`),
  ]);

test("exactly the bytes of the definition, whatever the texts, the length and the memory", () => {
  fc.assert(
    fc.property(repeating, fc.integer({ min: 4, max: 30 }), fc.constantFrom(undefined, 200), (texts, least, memory) => {
      assert.deepEqual(find(texts, least, memory), findByDefinition(texts, least));
    }),
    { numRuns: 300 },
  );
});

test("a text that repeats itself keeps its first stretch", () => {
  const goes = find(["abcdefgh".repeat(20)], 16);
  assert.deepEqual(goes, findByDefinition(["abcdefgh".repeat(20)], 16));
  assert.equal(goes.filter(Boolean).length, 152);
});

test("whole characters stay, and words do not grow together", () => {
  const text = Buffer.from("one été two");
  assert.equal(cutStretches(text, [[4, 9]]), "one  two");
  // From inside the first é to inside the last: both stay.
  assert.equal(cutStretches(text, [[5, 8]]), "one é é two");
  assert.equal(
    cutStretches(Buffer.from("abcdef"), [
      [0, 2],
      [4, 6],
    ]),
    "cd",
  );
  assert.equal(cutStretches(Buffer.from("abcdef"), [[2, 4]]), "ab ef");
  assert.equal(cutStretches(Buffer.from("\ufeffab"), [[4, 5]]), "\ufeffa");
  // In a time that grows with the text alone: a book may have thousands.
  const many = Array.from({ length: 30_000 }, (_, i) => [40 * i + 20, 40 * i + 40] as const);
  assert.equal(cutStretches(Buffer.alloc(1_200_000, "x"), many), `${"x".repeat(20)} `.repeat(30_000).trim());
  assert.equal(cutStretches(Buffer.from("abc"), [[0, 3]]), "");
});
