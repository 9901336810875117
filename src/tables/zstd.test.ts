// Files that the zstd program (1.5.4) wrote of `three` and of 300,000 zeros: with and without a checksum, with a frame that is skipped.

import assert from "node:assert/strict";
import { test } from "node:test";
import { PackedFault } from "./packed-input.ts";
import { unpackZstd } from "./zstd.ts";

const three = "the red fox sleeps. the red fox sleeps. the red owl sleeps not; the owl is a fox.\n".repeat(3);
const decode = (text: string) => Buffer.from(text, "base64");
/** zstd -19 */
const checked = decode("KLUv/ST2tQEAooIJEMDrYAl5V7eXBP+q9ugYYwHA1q+iWEyyIX9q1GuIbINdvw6nmmQEAKEqEALtAHc4ZjIBFjWx1g==");
/** zstd --no-check */
const unchecked = decode(
  "KLUv/SD27QEAJAJ0aGUgcmVkIGZveCBzbGVlcHMuIG93bCBub3Q7aXMgYS4KCgCnCgkAAliQBg2CYIyEIBDgqatBNhwzmQ==",
);
/** Three bytes that are skipped, `checked`, and zstd --no-content-size */
const skipped = decode("UCpNGAMAAABhYmM=");
const streamed = decode(
  "KLUv/QRY9QEAZAJ0aGUgcmVkIGZveCBzbGVlcHMuIG93bCBub3Q7aXMgYSBmb3guCgkApwoJAAKwAGgQBEYQ4KmrQTYcM5kWNbHW",
);
/** Blocks of one repeated byte. */
const zeros = decode("KLUv/QRYVAAAEAAAAQD7/znAAgIAEAADnwQALSjeJg==");

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

async function unpack(bytes: Buffer, size = bytes.length): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of unpackZstd(inPieces(bytes, Math.max(1, size)))) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** The content, or what is wrong with the file. */
const tryUnpacking = (bytes: Buffer): Promise<Buffer | PackedFault> =>
  unpack(bytes).catch((error: unknown) => {
    if (error instanceof PackedFault) return error;
    throw error;
  });

test("frames of every kind are unpacked, wherever the pieces of the file end", async () => {
  for (const size of [1, 5, 1000]) {
    for (const frame of [checked, unchecked, streamed]) assert.equal(String(await unpack(frame, size)), three);
    assert.equal(String(await unpack(Buffer.concat([skipped, checked, streamed]), size)), three + three);
    assert.deepEqual(await unpack(zeros, size), Buffer.alloc(300_000));
  }
});

test("cut anywhere but between frames, a file ends early", async () => {
  const file = Buffer.concat([skipped, checked, streamed]);
  const ends = [skipped.length, skipped.length + checked.length];
  for (let length = 0; length < file.length; length++) {
    const read = await tryUnpacking(file.subarray(0, length));
    assert.equal(read instanceof PackedFault && read.kind === "cut", !ends.includes(length), `${length} bytes`);
  }
});

test("a bit flipped anywhere in a frame with a checksum is told, unless the content is the same", async () => {
  for (const [frame, content] of [
    [checked, three],
    [streamed, three],
  ] as const) {
    for (let bit = 0; bit < 8 * frame.length; bit++) {
      const damaged = Buffer.from(frame);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      // A frame that says it has no checksum is a frame without one, and its last bytes are no frame.
      const read = await tryUnpacking(damaged);
      assert.ok(read instanceof PackedFault || String(read) === content, `bit ${bit}: ${String(read).slice(0, 80)}`);
    }
  }
});

test("without a checksum, another length than the frame names is told, and so is what is no frame behind it", async () => {
  const longer = Buffer.from(unchecked);
  longer[5]! += 1;
  assert.match(String(await tryUnpacking(longer)), /a frame of 247 bytes holds 246/);
  assert.match(
    String(await tryUnpacking(Buffer.concat([unchecked, Buffer.from("rubbish")]))),
    /what follows it is none/,
  );
});

test("a length of two and of four bytes is read as the format writes it", async () => {
  // zstd -19 --no-check of 492 bytes, which stand as 492 - 256, and of the zeros.
  const two = decode("KLUv/WDsALUBAKKCCRDA62AJeVe3lwT/qvboGGMBwNavolhMsiF/atRriGyDXb8Op5pkBACXVVAIiAOy4ZjJBA==");
  const four = decode("KLUv/aDgkwQATAAACAABAPz/ORACAgAQAAOfBAA=");
  assert.equal(String(await unpack(two)), three + three);
  assert.deepEqual(await unpack(four), Buffer.alloc(300_000));
});

test("what RFC 8878 keeps for later, forbids, or packs with a dictionary is refused as that", async () => {
  /** zstd -19 --no-check -D of a trained dictionary. */
  const dictionary = decode(
    "KLUv/WMJyIVG7ACtAQAkAnRoZSByZWQgZm94IHNsZWVwcy4gb3dsIG5vdDtpcyBhLgoGMJdVKaa3aAWsBy3ZcAw7Ew==",
  );
  assert.match(String(await tryUnpacking(dictionary)), /packed with a dictionary/);
  const changed = (change: (bytes: Buffer) => void) => {
    const bytes = Buffer.from(unchecked);
    change(bytes);
    return tryUnpacking(bytes);
  };
  const descriptor = 4;
  assert.match(String(await changed(bytes => (bytes[descriptor]! |= 0b1000))), /a version to come/);
  // Behind the descriptor and the length: last, the type and the size of the first block.
  const block = 6;
  assert.match(
    String(await changed(bytes => bytes.writeUIntLE(1 | (3 << 1) | (9 << 3), block, 3))),
    /no program writes/,
  );
  const tooLarge = 1 | (2 << 1) | ((2 ** 17 + 1) << 3);
  assert.match(String(await changed(bytes => bytes.writeUIntLE(tooLarge, block, 3))), /no program writes/);
});
