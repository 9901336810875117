// The C compiler, tried on a small file: one that is there but has no headers, or does not know this processor, would fail at
// the first kernel.

import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { findCompiler, targetFlag } from "../backends/cpu/build.ts";
import { UserError } from "../base/errors.ts";
import type { Finding } from "./finding.ts";

const run = promisify(execFile);

const installation = "apt-get install gcc libc6-dev   (Fedora: dnf install gcc; macOS: xcode-select --install)";

/** Uses what the kernels use: threads, mathematics, fixed-width integers. */
const trial = "#include <math.h>\n#include <pthread.h>\n#include <stdint.h>\nfloat f(float x) { return expf(x); }\n";

export async function examineCompiler(): Promise<Finding[]> {
  let compiler: Awaited<ReturnType<typeof findCompiler>>;
  try {
    compiler = await findCompiler();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const detail = `${error.message}; the cpu backend builds its kernels with one`;
    return [{ name: "C compiler", group: "compiler", state: "missing", detail, needed: true, fix: installation }];
  }
  const { command, version } = compiler;
  const found = { name: "C compiler", group: "compiler", state: "found", needed: true } as const;
  return [{ ...found, detail: `${command}: ${version}` }, await tryCompiler(command)];
}

async function tryCompiler(command: string): Promise<Finding> {
  const folder = mkdtempSync(join(tmpdir(), "cram-doctor-"));
  const name = `kernels for ${targetFlag}`;
  const common = { name, group: "compiler", needed: true } as const;
  try {
    const source = join(folder, "trial.c");
    writeFileSync(source, trial);
    const flags = ["-O1", "-shared", "-fPIC", targetFlag, "-o", join(folder, "trial.so"), source];
    await run(command, [...flags, "-lm", "-lpthread"]);
    return { ...common, state: "found", detail: `a trial file compiles; ${await nameProcessor(command)}` };
  } catch (error) {
    const said =
      (error as { stderr?: string }).stderr?.split("\n").find(line => line.includes("error")) ?? String(error);
    return { ...common, state: "missing", detail: `a trial file does not compile: ${said}`, fix: fixFor(said) };
  } finally {
    rmSync(folder, { recursive: true });
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
