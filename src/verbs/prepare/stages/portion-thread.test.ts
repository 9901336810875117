// What a thread keeps of texts that it encodes is what encoding, counting losses and writing documents give of each by itself.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { listPortions, type PortionSummary, portionFile } from "../../../corpus/portions/portion.ts";
import { readRecords } from "../../../corpus/portions/record.ts";
import { listShards } from "../../../corpus/sources/sources.ts";
import { defineLearnedTokenizer } from "../../../tokenizer/define.ts";
import { encodeText } from "../../../tokenizer/encoding/encode.ts";
import { LossCounter } from "../../../tokenizer/normalising/lost-text.ts";
import { type NormaliserName, normalisers } from "../../../tokenizer/normalising/normaliser.ts";
import { specialTokens } from "../../../tokenizer/tokenizer.ts";
import { runPortions } from "./portion-thread.ts";

const root = mkdtempSync(join(tmpdir(), "cram-portion-thread-"));
after(() => rmSync(root, { recursive: true }));

const letters = [..."abcdefghijklmnopqrstuvwxyzéй日"];
const vocabulary = [...specialTokens, ...letters, ...letters.map(letter => `##${letter}`)];
const long = "averylongwordthatisnoshortone";
const texts = [
  `plain words, ${long} and "quoted" \\ ones`,
  "мой йод e\u0301te \u0438\u0306 日本",
  `a\u000bb\u007fc\u0000d ${long}é\ttab\r\nline`,
  "😀😀😀😀 ab 👩‍👩",
  "é".repeat(50),
];

test("ids, counts and lines of a portion are those of its texts", async () => {
  const file = join(root, "texts.jsonl");
  writeFileSync(file, texts.map(text => `${JSON.stringify({ text })}\n`).join(""));
  const portions = listPortions(await listShards([file]));
  for (const name of ["ascii-fold", "keep"] satisfies NormaliserName[]) {
    const tokenizer = defineLearnedTokenizer(vocabulary, normalisers[name], "bert");
    const folder = mkdtempSync(join(root, "work-"));
    const read = async (maxTokensPerCharacter?: number): Promise<PortionSummary> => {
      const options = { textField: "text", signs: false, asLines: true };
      const work = { folder, portions, begun: new Int32Array(1), options, tokenizer, encodes: true };
      let summary: PortionSummary | undefined;
      for await (const event of runPortions({ ...work, maxTokensPerCharacter })) {
        if ("portion" in event) summary = event.summary;
      }
      return summary!;
    };
    const { records, lost } = await read();
    const losses = new LossCounter(normalisers[name]);
    const ids = texts.map(text => encodeText(tokenizer, text, "as-text"));
    const counts = texts.map((text, i) => {
      const { characters: visible, lost, unaccented } = losses.addText(text);
      const unknownTokens = ids[i]!.filter(id => id === tokenizer.specials.unknown).length;
      return { tokens: ids[i]!.length, unknownTokens, visible, lost, unaccented };
    });
    const seen = Array.from(readRecords(portionFile(folder, 0, "records"), records), record => {
      const { tokens, unknownTokens, visible, lost, unaccented } = record;
      return { tokens, unknownTokens, visible, lost, unaccented };
    });
    assert.deepEqual(seen, counts);
    assert.deepEqual(lost, losses.listLost());
    const bytes = readFileSync(portionFile(folder, 0, "encodings"));
    assert.deepEqual(
      Array.from({ length: bytes.length / 2 }, (_, i) => bytes.readUInt16LE(2 * i)),
      ids.flatMap(each => [...each]),
    );
    assert.deepEqual(readFileSync(portionFile(folder, 0, "texts")), readFileSync(file));
    if (name !== "keep") continue;
    // A pair of units is one character to the filter.
    rmSync(folder, { recursive: true });
    const emoji = counts[3]!.tokens / [...texts[3]!].length;
    const stays = async (limit: number) => {
      rmSync(folder, { recursive: true, force: true });
      await read(limit);
      return readFileSync(portionFile(folder, 0, "texts"), "utf8").includes("😀");
    };
    assert.deepEqual([await stays(emoji * 0.99), await stays(emoji * 1.01)], [false, true]);
  }
});
