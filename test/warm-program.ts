// The program, loaded once for the commands of a whole test file: a start of its own costs each the better part of a second. What
// is about processes, signals among it, starts the real one.

import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

/** What is counted and printed; of one of them there are not several. */
const counted =
  "bytes|cells|characters|charts|checkpoints|classes|columns|copies|cores|devices|documents|entries|epochs|examples|fields|files|GPUs|kernels|labels|layers|lines|machines|masks|models|numbers|pairs|paradigms|parameters|passages|portions|processes|programs|ranks|results|rows|runs|samples|seconds|seeds|sequences|shards|sizes|sources|stages|steps|tasks|texts|threads|times|tokens|trainings|trials|validations|variations|vectors|words";
const severalOfOne = new RegExp(`(?<![\\d.,/])\\b1 (?:[a-z]+ )?(?:${counted})\\b`);

export interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface WarmProgram {
  /** Does one command in the program's folder; a second one waits for nobody, so await each. */
  run(...words: string[]): Promise<Ended>;
  close(): void;
}

/** The program in a process of its own, in `folder`. */
export function startWarmProgram(folder: string): WarmProgram {
  const child = fork(join(import.meta.dirname, "warm-program-child.js"), { cwd: folder, stdio: "pipe" });
  const exited = once(child, "exit") as Promise<[number | null]>;
  let said = "";
  child.stderr!.on("data", chunk => (said += chunk));
  return {
    async run(...words) {
      const answer = once(child, "message") as Promise<[Ended]>;
      const end = exited.then(([code]): never => {
        throw new Error(`the program ended with ${code} at ${words.join(" ")}\n${said}`);
      });
      child.send(words);
      const [ended] = await Promise.race([answer, end]);
      const slip = severalOfOne.exec(ended.stdout + ended.stderr);
      if (slip !== null) throw new Error(`"${slip[0]}" is printed by ${words.join(" ")}`);
      return ended;
    },
    close: () => child.disconnect(),
  };
}
