// What a person or a program is told where a command fails. Commands that end well do not read it.

import { existsSync } from "node:fs";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command, CommanderError } from "commander";
import { UserError } from "../base/errors.ts";
import { quoteWord } from "../base/shell-words.ts";
import { colour, printError } from "./terminal/output.ts";

/** What is wrong with the words themselves. */
export function explainWords({ code, message }: CommanderError, verb: Command | undefined): UserError {
  const [said = "", suggestion] = message.replace(/^error: /, "").split("\n");
  const asked = `cram ${verb === undefined ? "" : `${verb.name()} `}--help shows what there is, with examples.`;
  const beside = [suggestion?.replace(/^\(|\)$/g, ""), adviseDash(said), asked];
  const advice = beside.filter(sentence => sentence !== undefined).join(" ");
  return new UserError("E_OPTION", code === "commander.help" ? "no such verb" : said, advice);
}

/** Of what was read as an option and is the path of something. */
export function adviseDash(said: string): string | undefined {
  const [, word] = /unknown option '(-.*)'$/.exec(said) ?? [];
  if (word === undefined || !existsSync(word)) return undefined;
  return `A path that begins with a dash is written ${quoteWord(`./${word}`)}.`;
}

/** To standard error, with the exit code that it means. */
export function showError(thrown: unknown, asJson: boolean): void {
  const error = explainGoneFolder(thrown);
  process.exitCode = error instanceof UserError ? 1 : 2;
  if (!(error instanceof UserError)) {
    const [message, stack] = error instanceof Error ? [error.message, error.stack] : [String(error), undefined];
    if (asJson) printError(JSON.stringify({ kind: "bug", message, stack }));
    else printError(`This is a bug in cram, not your mistake.\n${stack ?? message}`);
    return;
  }
  const { code, message, advice } = error;
  if (asJson) printError(JSON.stringify({ kind: "error", code, message, advice }));
  else
    printError(
      `${colour("red", code, process.stderr)} ${message}\n  ${advice}\n  (${relativeWhereShorter(errorsPage)} explains the code)`,
    );
}

/** Whatever is done with a relative path fails where the working folder was removed, or made anew, under the shell that stands in it. */
function explainGoneFolder(error: unknown): unknown {
  if ((error as NodeJS.ErrnoException | undefined)?.syscall !== "uv_cwd") return error;
  const seen = "the folder that this was called in is not there any more";
  return new UserError("E_FILE_MISSING", seen, 'Call it in one that is there; cd "$PWD" goes to one made anew.', {
    cause: error,
  });
}

/** Of this package, wherever it is installed. */
const errorsPage = fileURLToPath(new URL("../../../docs/ERRORS.md", import.meta.url));

function relativeWhereShorter(path: string): string {
  try {
    const near = relative(process.cwd(), path);
    return near.length < path.length ? near : path;
  } catch {
    // A working folder that is not there any more.
    return path;
  }
}
