import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { UserError } from "../../base/errors.ts";
import { readParadigms } from "./blimp.ts";

const folder = mkdtempSync(join(tmpdir(), "cramming-blimp-"));
after(() => rmSync(folder, { recursive: true }));

const fails =
  (code: string, ...seen: string[]) =>
  (error: unknown) =>
    error instanceof UserError && error.code === code && seen.every(part => error.message.includes(part));

test("a file is a paradigm of pairs", async () => {
  const row = {
    sentence_good: "Many girls insulted themselves.",
    sentence_bad: "Many girls insulted herself.",
    field: "morphology",
    linguistics_term: "anaphor_agreement",
    UID: "anaphor_number_agreement",
    pairID: "0",
  };
  writeFileSync(join(folder, "b.jsonl"), `${JSON.stringify(row)}\n`);
  writeFileSync(join(folder, "a.jsonl"), '{"sentence_good":"It is.","sentence_bad":"Is it it."}\n');
  writeFileSync(join(folder, "LICENSE"), "CC BY 4.0");
  // As macOS copies a file to a disk that is not its own.
  writeFileSync(join(folder, "._a.jsonl"), "\0\x05\x16\x07");
  const { paradigms, passedOver } = await readParadigms(folder);
  assert.deepEqual(passedOver, [{ reason: "hidden", count: 1, first: [join(folder, "._a.jsonl")] }]);
  assert.deepEqual(paradigms, [
    {
      name: "a",
      phenomenon: "",
      pairs: [{ good: "It is.", bad: "Is it it.", origin: `${join(folder, "a.jsonl")}:1` }],
    },
    {
      name: "anaphor_number_agreement",
      phenomenon: "anaphor_agreement",
      pairs: [{ good: row.sentence_good, bad: row.sentence_bad, origin: `${join(folder, "b.jsonl")}:1` }],
    },
  ]);
});

test("a folder without pairs, or a row without a sentence, is named", async () => {
  const empty = join(folder, "empty");
  mkdirSync(empty);
  await assert.rejects(readParadigms(empty), fails("E_TASK_FOLDER", empty));
  await assert.rejects(readParadigms(join(folder, "absent")), fails("E_TASK_FOLDER", "absent", "no folder here"));
  const whole = '{"sentence_good":"It is.","sentence_bad":"x"}\n';
  const told: readonly (readonly [lines: string, code: string, message: RegExp])[] = [
    [
      `${whole}{"sentence_good":"It is."}\n`,
      "E_TASK_TEXT",
      /x\.jsonl:2: no "sentence_bad" in this row, which other rows have; it has sentence_good$/,
    ],
    [
      `{"UID":"a"}\n${whole}`,
      "E_TASK_TEXT",
      /x\.jsonl:1: no "sentence_good" in this row, which other rows have; it has UID$/,
    ],
    ['{"good":"It is."}\n'.repeat(2), "E_TASK_COLUMN", /x\.jsonl:1: no column "sentence_good"; there are good$/],
    [
      `${whole}{"sentence_good":"It is.","sentence_bad":null}\n`,
      "E_TASK_TEXT",
      /x\.jsonl:2: "sentence_bad" is null, which is no sentence$/,
    ],
    [
      `${whole}{"sentence_good":["It"],"sentence_bad":"x"}\n`,
      "E_TASK_TEXT",
      /x\.jsonl:2: "sentence_good" is \["It"\], which is no sentence$/,
    ],
  ];
  for (const [lines, code, message] of told) {
    writeFileSync(join(empty, "x.jsonl"), lines);
    await assert.rejects(readParadigms(empty), { code, message });
  }
});
