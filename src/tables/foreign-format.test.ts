import assert from "node:assert/strict";
import test from "node:test";
import type { UserError } from "../base/errors.ts";
import { recogniseForeign } from "./foreign-format.ts";
import { readTextPieces } from "./text.ts";
import { looksBinary } from "./utf8.ts";

const latin = (text: string) => Buffer.from(text, "latin1").toString("hex");
/** The first bytes that the programs themselves write, in hexadecimal; of tar its mark behind a name and numbers. */
const beginnings: Readonly<Record<string, string>> = {
  "a zip archive, as .docx, .xlsx and .epub are": "504b030414000600080000002100",
  "a document of Office, as .doc and .xls are": "d0cf11e0a1b11ae10000",
  "a tar archive": latin(`${"notes.txt".padEnd(257, "\0")}ustar\x0000`),
  "a 7z archive": "377abcaf271c0004",
  "a rar archive": "526172211a070100",
  "packed by xz": "fd377a585a000004e6d6",
  "packed by bzip2": "425a68393141592653591a2b",
  "a database of SQLite": "53514c69746520666f726d61742033001000",
};

async function* onePiece(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

for (const [name, hex] of Object.entries(beginnings)) {
  test(`${name} is told as that`, async () => {
    const bytes = Buffer.from(hex, "hex");
    assert.equal(recogniseForeign(bytes)?.name, name);
    assert.equal(looksBinary(bytes), true);
    await assert.rejects(
      async () => {
        for await (const _ of readTextPieces(onePiece(Buffer.concat([bytes, Buffer.from([0xff, 0x41])])), "x.csv"));
      },
      (error: UserError) => error.code === "E_BINARY" && error.message === `x.csv: ${name}, not text`,
    );
  });
}

test("text that begins alike is text", () => {
  for (const text of [
    "BZhang wrote this.",
    "PK is a place",
    "Rar!",
    "PDF-1.4 is old",
    "7zip",
    `${"x".repeat(257)}ustar is`,
    "%PDF-1.4",
    "{\\rtf1}",
    "",
  ]) {
    assert.equal(recogniseForeign(Buffer.from(text)), undefined, text);
  }
});
