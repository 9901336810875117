import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { UserError } from "../../base/errors.ts";
import { colour, dressText, print, printError, showStatus } from "./output.ts";

/** What `say` writes to both streams, as if they were a terminal or a file. */
function record(isTerminal: boolean, say: () => void, term = "xterm"): string {
  const { stdout, stderr, env } = process;
  const before = { isTTY: stdout.isTTY, columns: stdout.columns, noColour: env.NO_COLOR, term: env.TERM };
  const writes = [stdout, stderr].map(stream => stream.write);
  let written = "";
  env.NO_COLOR = "";
  env.TERM = term;
  for (const stream of [stdout, stderr]) {
    stream.isTTY = isTerminal;
    stream.columns = 0;
    stream.write = (text: string | Uint8Array) => {
      written += text;
      return true;
    };
  }
  try {
    say();
  } finally {
    [stdout, stderr].forEach((stream, i) => {
      stream.isTTY = before.isTTY;
      stream.columns = before.columns;
      stream.write = writes[i]!;
    });
    if (before.noColour === undefined) delete env.NO_COLOR;
    else env.NO_COLOR = before.noColour;
  }
  return written;
}

/** Whether a terminal obeys something in it, or a reader does not see it. */
const isRaw = (text: string) => /(?![\n\t])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(text);
const ownCodes = ["\u001b[0m", "\u001b[1m", "\u001b[31m"];
const withoutOwn = (text: string) => ownCodes.reduce((rest, code) => rest.replaceAll(code, ""), text);
const payloads = [
  "\u001b]0;title\u0007",
  "\u001b[31m",
  "\u009b2J",
  "\u202egpj.exe",
  "\r",
  "\u200b",
  "\u2028",
  "\ud800",
];

test("nothing from outside reaches the terminal raw, and our colours do", () => {
  for (const payload of payloads) {
    const written = record(true, () => {
      print(`run ${payload}`);
      printError(new UserError("E_SET", `--set ${payload}: no "="`, `Write ${payload}.`).message);
    });
    assert.ok(!isRaw(written), JSON.stringify(written));
    const bold = record(true, () => print(`${colour("bold", payload)} ${colour("red", "plain")}`));
    assert.ok(!isRaw(withoutOwn(bold)), JSON.stringify(bold));
    assert.ok(bold.startsWith("\u001b[1m") && bold.endsWith("\u001b[31mplain\u001b[0m\n"));
    assert.ok(!isRaw(record(false, () => print(colour("bold", payload)))));
  }
});

test("a line of JSON keeps its meaning, and a terminal is not told anything by it", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.oneof(fc.constantFrom(...payloads), fc.string()) }), text => {
      const line = dressText(JSON.stringify({ text }), false);
      assert.ok(!isRaw(line));
      assert.equal(JSON.parse(line).text, text);
    }),
    { numRuns: 200 },
  );
});

test("a status is one line of the terminal's width, whole where the terminal does not know its width", () => {
  const status = "checking the dataset, once more, as it was said";
  assert.ok(record(true, () => showStatus(status)).endsWith(status));
});
