import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { UserError } from "../base/errors.ts";
import { splitLines } from "./lines.ts";

async function* inPieces(pieces: readonly string[]): AsyncGenerator<Buffer> {
  for (const piece of pieces) yield Buffer.from(piece);
}

async function split(pieces: readonly string[], longestBytes = 1000): Promise<string[]> {
  const lines: string[] = [];
  for await (const batch of splitLines(inPieces(pieces), "file", longestBytes)) lines.push(...batch.map(String));
  return lines;
}

test("lines keep their ends, the last may have none", async () => {
  assert.deepEqual(await split(["one\ntwo\r\n\nthr", "ee"]), ["one\n", "two\r\n", "\n", "three"]);
  assert.deepEqual(await split(["one", "\n", "t", "w", "o", "\n"]), ["one\n", "two\n"]);
  assert.deepEqual(await split([]), []);
});

test("lines do not depend on where the pieces end", async () => {
  const piece = fc.string({ unit: fc.constantFrom("a", "b", "\r", "\n"), maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 8 }), async pieces => {
      const whole = pieces.join("");
      assert.deepEqual(await split(pieces), whole === "" ? [] : whole.split(/(?<=\n)/));
    }),
  );
});

test("only a line is limited, not what comes before it", async () => {
  const pieces = Array.from({ length: 10 }, () => "12345\n67");
  assert.equal((await split(pieces, 8)).length, 11);
});

test("a line that is not refused for its length comes without its content, whatever pieces it is in", async () => {
  const whole = `one\n${"x".repeat(9)}\r\n\n12345678\nend${"y".repeat(9)}`;
  for (let size = 1; size <= whole.length; size++) {
    const pieces = whole.match(new RegExp(`[^]{1,${size}}`, "g"))!;
    const long: number[] = [];
    const lines: string[] = [];
    for await (const batch of splitLines(inPieces(pieces), "file", 9, line => long.push(line))) {
      lines.push(...batch.map(String));
    }
    assert.deepEqual(
      [lines.filter(line => line !== ""), long],
      [
        ["one\n", "\n", "\n", "12345678\n"],
        [2, 5],
      ],
      `${size}`,
    );
    await assert.rejects(split(pieces, 9), { code: "E_TEXT_TOO_LONG", message: /^file:2:/ });
  }
});

test("a line that goes on and on ends the reading before the memory does", async () => {
  let read = 0;
  const endless = async function* () {
    yield Buffer.from("one\ntwo\n");
    for (;;) {
      read += 100;
      yield Buffer.alloc(100, "x");
    }
  };
  const reading = async () => {
    for await (const _ of splitLines(endless(), "file", 1000));
  };
  await assert.rejects(
    reading(),
    (error: UserError) => error.code === "E_TEXT_TOO_LONG" && error.message.startsWith("file:3:"),
  );
  assert.equal(read, 1100);
});
