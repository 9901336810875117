import assert from "node:assert/strict";
import { test } from "node:test";
import { UserError } from "../../base/errors.ts";
import { readSentences } from "./conll-lines.ts";

const read = (text: string) =>
  readSentences(text.split("\n"), "a.conll").map(({ words, tags }) => words.map((word, i) => [word, tags[i]]));
const refused = (text: string, line: number) =>
  assert.throws(
    () => read(text),
    (error: unknown) =>
      error instanceof UserError && error.code === "E_TABLE_ROW" && error.message.startsWith(`a.conll:${line}:`),
    text,
  );

test("only spaces and tabs part columns: other white space of Unicode is a word", () => {
  for (const space of ["\u00a0", "\u2003", "\u3000", "\u0085", "\ufeff", "\u200b", "\u2028", "\v", "\f"]) {
    assert.deepEqual(read(`a NN O\n${space} SP B-X`), [
      [
        ["a", "O"],
        [space, "B-X"],
      ],
    ]);
    assert.deepEqual(read(`a\tO\n${space}\tB-X`), [
      [
        ["a", "O"],
        [space, "B-X"],
      ],
    ]);
  }
  assert.deepEqual(read("New York\tB-LOC\na\tO"), [
    [
      ["New York", "B-LOC"],
      ["a", "O"],
    ],
  ]);
});

test("a line of another width, and one without word or tag, is refused", () => {
  refused("a NN O\nb NNP B-PER\nSmith NNP", 3);
  refused("a\tO\nNew York B-LOC", 1 + 1);
  refused("a\tO\n\tO", 2);
  refused("a\tO\nb\t", 2);
  refused("1\ta\tO\n2\tb\tO", 1);
});

test("comments begin a sentence; # is a word where it has the columns of one", () => {
  assert.deepEqual(read("# id 00-aa\tdomain=en\nword _ _ O\n\n# id 01\tdomain=en\njohn _ _ B-PER"), [
    [["word", "O"]],
    [["john", "B-PER"]],
  ]);
  assert.deepEqual(read("# NN O\nb NN O"), [
    [
      ["#", "O"],
      ["b", "O"],
    ],
  ]);
  assert.deepEqual(read("-DOCSTART- -X- O\n\n# text = a b\nb NN O"), [[["b", "O"]]]);
});

test("CoNLL-U: form and UPOS, without the words that stand for several", () => {
  const line = (id: string, form: string, tag: string) => `${id}\t${form}\t_\t${tag}\t_\t_\t0\t_\t_\tSpaceAfter=No`;
  const text = ["# text = dont", line("1-2", "dont", "_"), line("1", "do", "AUX"), line("2", "nt", "PART")].join("\n");
  assert.deepEqual(read(`${text}\n\n${line("1", "Hi", "INTJ")}`), [
    [
      ["do", "AUX"],
      ["nt", "PART"],
    ],
    [["Hi", "INTJ"]],
  ]);
});
