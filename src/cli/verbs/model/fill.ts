// cram fill: the words a trained run expects behind [MASK].

import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { Argument, type Command } from "commander";
import { UserError } from "../../../base/errors.ts";
import type { FilledText } from "../../../verbs/model/fill-masks.ts";
import { openModel } from "../../../verbs/model/open-model.ts";
import { addBackendOptions, type BackendOptions, chooseBackend } from "../../choose.ts";
import { parseCount } from "../../numbers.ts";
import { suggest } from "../../terminal/completion.ts";
import { print, printError, printWarning } from "../../terminal/output.ts";
import { printFilled } from "../../terminal/print-filled.ts";

export function addFill(command: Command): void {
  command
    .addArgument(
      suggest(
        new Argument(
          "<model>",
          "the folder of a run, an export, or a masked language model of Hugging Face's or the reference's",
        ),
        "runs",
      ),
    )
    .argument("[text...]", "texts with [MASK]");
  addBackendOptions(command)
    .option("--top <number>", "how many tokens for each mask", "5")
    .option(
      "--interactive",
      "read texts from the terminal or a pipe, a line each, until it ends; a line that cannot be filled is said by its number on standard error, and of a pipe the exit code is 1 then",
    )
    .option("--json", "print one JSON object a text")
    .addHelpText(
      "after",
      `
Examples:
  cram fill runs/mine "Paris is the [MASK] of France." --top 3
  cram fill runs/mine "the [MASK] [MASK] sleeps." --json >> runs/mine/fills.jsonl
  cram fill runs/mine --interactive

Next: cram report runs/mine`,
    )
    .action(fill);
}

interface FillFlags extends BackendOptions {
  readonly top: string;
  readonly interactive?: boolean;
  readonly json?: boolean;
}

async function fill(folder: string, texts: string[], flags: FillFlags): Promise<void> {
  const top = parseCount("--top", flags.top);
  const isInteractive = flags.interactive === true;
  if (isInteractive === texts.length > 0) {
    throw new UserError(
      "E_OPTION",
      isInteractive ? "--interactive reads texts, and there are some already" : `cram fill ${folder}: no text`,
      isInteractive ? "Leave one of the two out." : "Give a text with [MASK], or --interactive.",
    );
  }
  const show = ({ text, masks }: FilledText) =>
    flags.json === true ? print(JSON.stringify({ text, masks })) : printFilled(text, masks);
  // A program reads the code; a person at a terminal has seen the line and goes on.
  const refuse = ({ code, message, advice }: UserError, line: number) => {
    if (process.stdin.isTTY !== true) process.exitCode = 1;
    if (flags.json === true) printError(JSON.stringify({ kind: "error", line, code, message, advice }));
    else printError(`line ${line}: ${code} ${message}\n  ${advice}`);
  };
  const model = await openModel(folder, { ...chooseBackend(flags), onWarning: printWarning });
  try {
    if (isInteractive) await fillLines(process.stdin, text => model.fill([text], { top }), show, refuse);
    else (await model.fill(texts, { top })).forEach(show);
  } finally {
    await model.close();
  }
}

/** A text that cannot be filled is refused with the number of its line, and the next one is read. */
export async function fillLines(
  input: Readable & { readonly isTTY?: boolean },
  fillText: (text: string) => Promise<FilledText[]>,
  show: (filled: FilledText) => void,
  refuse: (error: UserError, line: number) => void,
): Promise<void> {
  const isTerminal = input.isTTY === true;
  const lines = createInterface({ input, ...(isTerminal && { output: process.stderr, prompt: "> " }) });
  if (isTerminal) printError("a text with [MASK] a line; Ctrl-D ends it");
  if (isTerminal) lines.prompt();
  let number = 0;
  for await (const line of lines) {
    number++;
    try {
      if (line.trim() !== "") (await fillText(line)).forEach(show);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      refuse(error, number);
    }
    if (isTerminal) lines.prompt();
  }
}
