// The C compiler, tried on a small file: one that is there but has no headers, or does not know this processor, would fail at
// the first kernel.

import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import { promisify } from "node:util";
import { buildLibrary, type Compiler, findCompiler, loadLibrary, targetFlag } from "../backends/cpu/build.ts";
import { systemClock } from "../base/clock.ts";
import { UserError } from "../base/errors.ts";
import type { Finding } from "./finding.ts";

const run = promisify(execFile);

const installation = "apt-get install gcc libc6-dev   (Fedora: dnf install gcc; macOS: xcode-select --install)";

/** Uses what the kernels use: threads, mathematics, fixed-width integers. */
const trial = "#include <math.h>\n#include <pthread.h>\n#include <stdint.h>\nfloat f(float x) { return expf(x); }\n";

export async function examineCompiler(): Promise<Finding[]> {
  let compiler: Compiler;
  try {
    compiler = await findCompiler();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const detail = `${error.message}; the cpu backend builds its kernels with one`;
    return [{ name: "C compiler", group: "compiler", state: "missing", detail, needed: true, fix: installation }];
  }
  const { command, flags, version } = compiler;
  const found = { name: "C compiler", group: "compiler", state: "found", needed: true } as const;
  return [{ ...found, detail: `${[command, ...flags].join(" ")}: ${version}` }, await tryCompiler(compiler)];
}

/** Builds and runs the trial where kernels are built and run: a full or noexec cache fails here as it would there. */
async function tryCompiler({ command }: Compiler): Promise<Finding> {
  const name = `kernels for ${targetFlag}`;
  const common = { name, group: "compiler", needed: true } as const;
  try {
    // Made anew each time: what was built before says nothing of the headers that are there now.
    const path = await buildLibrary(`${trial}// ${systemClock.date().toISOString()}\n`);
    try {
      const one = loadLibrary(path).func("float f(float x)")(0) as number;
      if (one !== 1) return { ...common, state: "missing", detail: `a trial kernel computes ${one} for exp(0)` };
    } finally {
      rmSync(path, { force: true });
    }
    return { ...common, state: "found", detail: `a trial file compiles and runs; ${await nameProcessor(command)}` };
  } catch (error) {
    if (error instanceof UserError) return { ...common, state: "missing", detail: error.message, fix: error.advice };
    const said =
      String(error)
        .split("\n")
        .find(line => line.includes("error:")) ?? String(error);
    return { ...common, state: "missing", detail: `a trial file does not compile: ${said}`, fix: fixFor(said) };
  }
}

function fixFor(said: string): string {
  return said.includes("march") || said.includes("mcpu")
    ? "unset CRAM_MARCH, or use a newer compiler: CC=clang"
    : installation;
}

/** "the compiler calls this processor znver4", of compilers that say so. */
async function nameProcessor(command: string): Promise<string> {
  try {
    const { stdout } = await run(command, [targetFlag, "-Q", "--help=target"]);
    const name = /^\s*-march=\s+(\S+)/m.exec(stdout)?.[1];
    if (name !== undefined) return `the compiler calls this processor ${name}`;
  } catch {
    // Clang has no such question.
  }
  return "the compiler does not say which processor that is";
}
