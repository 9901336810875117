// The process of warm-program.ts: does the commands that it is sent, and answers what each wrote and its exit code.

import { runCommand } from "../src/cli/program.ts";
import type { Ended } from "./warm-program.ts";

process.on("message", async (words: string[]) => {
  const written = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    process[name].write = (text: string | Uint8Array) => {
      written[name] += text;
      return true;
    };
  }
  process.exitCode = 0;
  await runCommand(words);
  const ended: Ended = { status: Number(process.exitCode), ...written };
  process.exitCode = 0;
  process.send!(ended);
});
