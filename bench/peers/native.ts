// C files of bench/peers, compiled when they are needed into a folder that goes with the benchmark. The peers lie beside the
// sources: the build copies none of them.

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { UserError } from "../../src/base/errors.ts";

const run = promisify(execFile);

/** The path of a file of bench/peers; compiled code runs from dist/bench. */
export function peerPath(name: string): string {
  return fileURLToPath(new URL(`../../../bench/peers/${name}`, import.meta.url));
}

/** Compiles bench/peers/`name`.c to an executable in `folder`. Throws UserError E_PEER_ABSENT when it does not compile. */
export async function compilePeer(name: string, folder: string, libraries: readonly string[]): Promise<string> {
  const path = `${folder}/${name}`;
  const compiler = process.env.CC ?? "cc";
  const flags = ["-O3", "-march=native", "-std=gnu11", "-ffp-contract=fast"];
  try {
    await run(compiler, [...flags, "-o", path, peerPath(`${name}.c`), ...libraries]);
  } catch (cause) {
    const said = (cause as { stderr?: string }).stderr || (cause as Error).message;
    const first = said.split("\n").find(line => /error|not found/.test(line)) ?? said;
    throw new UserError(
      "E_PEER_ABSENT",
      `${compiler} ${name}.c: ${first.trim()}`,
      "Install the compiler, or the library that the file includes.",
      {
        cause,
      },
    );
  }
  return path;
}
