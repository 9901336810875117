// A job's command as a line of a bash script. Every word of a person's goes through quoteWord; the only thing that the shell puts in is the
// member's number.

import { quoteCommand, quoteWord } from "../base/shell-words.ts";
import type { ScheduledJob, Word } from "./scheduled-job.ts";

/** One command; `variable` is the shell's for the member's number. */
function renderCommand(command: readonly Word[], variable: string): string {
  const render = (word: Word) => {
    if (typeof word === "string") return quoteWord(word);
    const [before, behind] = word.map(part => (part === "" ? "" : quoteWord(part)));
    return `${before}"$${variable}"${behind}`;
  };
  return command.map(render).join(" ");
}

/** What begins the work or, after an interruption, goes on with it, each behind `prefix`. */
export function renderAttempt({ command, resume }: ScheduledJob, variable: string, prefix: readonly string[]): string {
  const render = (words: readonly Word[]) => renderCommand([...prefix, ...words], variable);
  if (resume === undefined) return render(command);
  return `if [ -e ${quoteCommand(resume.begun)} ]; then
  ${render(resume.command)}
else
  ${render(command)}
fi`;
}
