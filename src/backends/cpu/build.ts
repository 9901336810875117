// Turns C source into a shared library with the system's compiler, once: the file is named by the hash of everything that
// shapes it (source, flags, compiler, processor), so a cached one is always right. Written whole or not at all.

import { execFile } from "node:child_process";
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { UserError } from "../../base/errors.ts";
import { contentHash, explainWriteFailure, makeFolder } from "../../base/files.ts";
import { kernelCacheFolder } from "../kernel-cache.ts";

const run = promisify(execFile);

// -fno-math-errno and -fno-trapping-math let loops vectorise; the order of additions stays as written, but for
// reductions marked as free.
const flags = [
  "-O3",
  "-std=gnu11",
  "-fPIC",
  "-shared",
  "-fopenmp-simd",
  "-ffp-contract=fast",
  "-fno-math-errno",
  "-fno-trapping-math",
  "-fno-semantic-interposition",
  "-w",
];

/** The instructions kernels may use: those of this processor, or CRAM_MARCH, a name that the compiler's -march knows. */
const march = process.env.CRAM_MARCH ?? "native";

/** On ARM it is -mcpu that names this processor; a clang before 15 refuses -march=native there. */
export const targetFlag = march === "native" && process.arch === "arm64" ? "-mcpu=native" : `-march=${march}`;

/** Whether kernels may multiply pairs of bf16. */
export function multipliesBf16Pairs(): boolean {
  return march === "native" && /\bavx512_bf16\b/.test(processorFlags());
}

/** Builds under way, by name: two programs with one source are built once. */
const building = new Map<string, Promise<string>>();
let compilerFound: ReturnType<typeof findCompiler> | undefined;

/**
 * The path of a shared library built from `source`, with more flags than kernels need if given. The signal ends the compiler,
 * and what was to be built is refused with its reason. Throws UserError
 * E_COMPILER_ABSENT or a plain error with the output.
 */
export async function buildLibrary(
  source: string,
  moreFlags: readonly string[] = [],
  signal?: AbortSignal,
): Promise<string> {
  compilerFound ??= findCompiler();
  const compiler = await compilerFound;
  const vectorWidth = processorFlags().includes("avx512f") ? ["-mprefer-vector-width=512"] : [];
  const allFlags = [...flags, targetFlag, ...vectorWidth, ...moreFlags];
  const folder = kernelCacheFolder();
  const name = contentHash(source, allFlags.join(" "), compiler.version, processorFlags());
  const path = join(folder, `${name}.so`);
  if (existsSync(path)) return path;
  if (!building.has(name)) {
    const command = [compiler.command, ...allFlags];
    building.set(
      name,
      compile(source, command, path, signal).finally(() => building.delete(name)),
    );
  }
  return building.get(name)!;
}

async function compile(
  source: string,
  [command, ...flags]: readonly string[],
  path: string,
  signal?: AbortSignal,
): Promise<string> {
  signal?.throwIfAborted();
  makeFolder(dirname(path));
  const draft = `${path}.${process.pid}`;
  try {
    writeFileSync(`${draft}.c`, source);
  } catch (error) {
    throw explainWriteFailure(error, path);
  }
  try {
    await run(command!, [...flags, "-o", `${draft}.so`, `${draft}.c`, "-lm", "-lpthread"], {
      maxBuffer: 1 << 26,
      ...(signal !== undefined && { signal }),
    });
    renameSync(`${draft}.so`, path);
  } catch (cause) {
    // A signal to all processes of a terminal or a job ends the compiler, too, and may reach this process after that.
    if (signal !== undefined) await pause(50);
    signal?.throwIfAborted();
    throw new Error(`${command} refused a printed kernel:\n${(cause as { stderr?: string }).stderr?.slice(0, 4000)}`, {
      cause,
    });
  } finally {
    rmSync(`${draft}.c`, { force: true });
    rmSync(`${draft}.so`, { force: true });
  }
  return path;
}

/** The first of CC, cc, gcc, clang that runs; UserError E_COMPILER_ABSENT. */
export async function findCompiler(): Promise<{ command: string; version: string }> {
  // A variable that is set and empty is one that is not set.
  const candidates = process.env.CC ? [process.env.CC] : ["cc", "gcc", "clang"];
  for (const command of candidates) {
    try {
      const { stdout } = await run(command, ["--version"]);
      return { command, version: stdout.split("\n")[0]! };
    } catch {
      // Not this one.
    }
  }
  throw new UserError(
    "E_COMPILER_ABSENT",
    `no C compiler found (looked for ${candidates.join(", ")})`,
    "Install one: `apt-get install gcc` (Debian, Ubuntu), `dnf install gcc` (Fedora), `xcode-select --install` (macOS); or set CC.",
  );
}

let cachedFlags: string | undefined;

/** What the processor can do, so that a cache shared between machines never serves the wrong one. */
export function processorFlags(): string {
  if (cachedFlags === undefined) {
    try {
      cachedFlags = /^(flags|Features)\s*:.*$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[0] ?? "";
    } catch {
      cachedFlags = `${process.arch} ${cpus()[0]?.model ?? ""}`;
    }
  }
  return cachedFlags;
}
