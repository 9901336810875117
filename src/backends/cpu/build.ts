// Turns C source into a shared library with the system's compiler, once: it is kept under the hash of everything that shapes it
// (source, flags, compiler, processor), so a cached one is always right. Built in a folder of its own in the cache.

import { execFile } from "node:child_process";
import { once, setMaxListeners } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import type { LibraryHandle } from "koffi";
import { UserError } from "../../base/errors.ts";
import { contentHash, readWholeFile } from "../../base/files/files.ts";
import { removeLeftovers } from "../../base/files/leftovers.ts";
import { lookAt } from "../../base/files/read-failure.ts";
import { quoteWord } from "../../base/shell-words.ts";
import { koffi } from "../foreign-functions.ts";
import { explainCacheFailure, findCached, makeBuildFolder, writeCached } from "../kernel-cache.ts";

const run = promisify(execFile);

// -fno-math-errno and -fno-trapping-math let loops vectorise; the order of additions stays as written, but for
// reductions marked as free. What is written as one type is read as another: tensors of all types share an arena, and panels hold f32
// or pairs of bf16 in words.
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
  "-fno-strict-aliasing",
  "-w",
];

/** The instructions kernels may use: those of this processor, or CRAM_MARCH, a name that the compiler's -march knows. */
const march = process.env.CRAM_MARCH || "native";

/** On ARM it is -mcpu that names this processor; a clang before 15 refuses -march=native there. */
export const targetFlag = march === "native" && process.arch === "arm64" ? "-mcpu=native" : `-march=${march}`;

/** Whether kernels may multiply bf16 by an instruction: pairs of them, tiles, or Arm's quads (of Linux, which tells of them). */
export function multipliesBf16(): boolean {
  return march === "native" && /\bavx512_bf16\b|^Features.* bf16\b/.test(processorFlags());
}

/** Whether kernels may have tiles multiply it, as far as the processor goes; the system may refuse. */
export const hasTileInstructions = (): boolean => march === "native" && /\bamx_bf16\b/.test(processorFlags());

/** A build takes seconds, tens of them on a busy machine; a compiler that has not ended after this long never will. */
const longestBuildSeconds = 5 * 60;

/** What is being built, and the signal that ends it. */
export interface UnderWay<T> {
  readonly built: Promise<T>;
  readonly signal: AbortSignal | undefined;
}

/** Builds under way, by name: two programs with one source are built once. */
const building = new Map<string, UnderWay<string>>();
let compilerFound: Promise<Compiler> | undefined;

/**
 * The shared library built from `source`, with more flags than kernels need if given, loaded. The signal ends the compiler, and what
 * was to be built is refused with its reason. UserErrors: E_COMPILER_ABSENT, E_COMPILER, E_CACHE, E_DISK_FULL, E_NOT_WRITABLE;
 * a kernel that the compiler refuses is a plain error with its output.
 */
export async function loadBuilt(
  source: string,
  moreFlags: readonly string[] = [],
  signal?: AbortSignal,
): Promise<LibraryHandle> {
  return loadLibrary(await buildLibrary(source, moreFlags, signal));
}

/** Held, because a library that nobody holds is unloaded, under kernels whose addresses somebody still has. */
const loaded: LibraryHandle[] = [];

/** UserError E_CACHE where the system runs nothing that lies there. */
export function loadLibrary(path: string): LibraryHandle {
  try {
    const library = koffi.load(path);
    loaded.push(library);
    return library;
  } catch (cause) {
    if (!/failed to map|not permitted|permission denied/i.test(String(cause))) throw cause;
    throw new UserError(
      "E_CACHE",
      `${dirname(path)}: nothing there may be run: the disk is mounted noexec`,
      "Set CRAM_CACHE to a folder on another disk.",
      { cause },
    );
  }
}

/** The path of a shared library built from `source`. Errors as loadBuilt; E_COMPILER after `mostSeconds`. */
export async function buildLibrary(
  source: string,
  moreFlags: readonly string[] = [],
  signal?: AbortSignal,
  mostSeconds = longestBuildSeconds,
): Promise<string> {
  const compiler = await holdCompiler();
  const vectorWidth = processorFlags().includes("avx512f") ? ["-mprefer-vector-width=512"] : [];
  const allFlags = [...compiler.flags, ...flags, targetFlag, ...vectorWidth, ...moreFlags];
  const name = contentHash(source, allFlags.join(" "), compiler.version, processorFlags());
  const known = findCached(name, ".so");
  if (known !== undefined) return known;
  const before = building.get(name);
  if (before !== undefined) {
    try {
      return await awaitBuild(before, signal);
    } catch (error) {
      if (!isOthersEnd(before.signal, signal)) throw error;
      return buildLibrary(source, moreFlags, signal, mostSeconds);
    }
  }
  const options = { name, signal, mostSeconds };
  const built = compile(source, compiler.command, allFlags, options).finally(() => building.delete(name));
  building.set(name, { built, signal });
  return built;
}

/** Whether what this one waited for was ended by a signal of somebody else's, and is to be begun again. */
export const isOthersEnd = (others: AbortSignal | undefined, own: AbortSignal | undefined): boolean =>
  others?.aborted === true && own?.aborted !== true;

/** What is being built, waited for no longer than one's own signal allows, if another one ends it. */
export const awaitBuild = <T>({ built, signal }: UnderWay<T>, own: AbortSignal | undefined): Promise<T> =>
  own === undefined || own === signal ? built : untilAborted(built, own);

async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  admitListeners(signal);
  const settled = new AbortController();
  const aborted = once(signal, "abort", settled).then(() => signal.throwIfAborted());
  aborted.catch(() => undefined);
  try {
    signal.throwIfAborted();
    return (await Promise.race([work, aborted])) as T;
  } finally {
    settled.abort();
  }
}

/** A program has as many kernels that are waited for as it has, and as many compilers: Node.js takes more than ten for a leak, and says so. */
const admitListeners = (signal: AbortSignal): void => setMaxListeners(0, signal);

/** The compiler that builds are given to, looked for once; errors as findCompiler. */
export function holdCompiler(): Promise<Compiler> {
  compilerFound ??= findCompiler().catch(error => {
    // Whoever tries again may have set CC meanwhile.
    compilerFound = undefined;
    throw error;
  });
  return compilerFound;
}

/**
 * These flags, behind those that all have, where the compiler is GCC and the processor x86, which they were measured on: passes of its third
 * level that take as long as they are many are left out by them.
 */
export async function chooseMeasured(flags: readonly string[]): Promise<readonly string[]> {
  const { version } = await holdCompiler();
  return process.arch === "x64" && !/clang/i.test(version) ? flags : [];
}

async function compile(
  source: string,
  command: string,
  flags: readonly string[],
  { name, signal, mostSeconds }: { name: string; signal: AbortSignal | undefined; mostSeconds: number },
): Promise<string> {
  signal?.throwIfAborted();
  if (signal !== undefined) admitListeners(signal);
  const folder = makeBuildFolder();
  try {
    const draft = join(folder, "kernels.c");
    const library = join(folder, "kernels.so");
    try {
      writeFileSync(draft, source);
    } catch (error) {
      throw explainCacheFailure(error, dirname(folder));
    }
    await run(command, [...flags, "-o", library, draft, "-lm", "-lpthread"], {
      maxBuffer: 1 << 26,
      timeout: 1000 * mostSeconds,
      // One that hangs may not listen to less.
      killSignal: "SIGKILL",
      // What the compiler puts aside lies on the same disk as what it makes, and goes with it.
      env: { ...process.env, TMPDIR: folder, LC_ALL: "C" },
      ...(signal !== undefined && { signal }),
    });
    if (!existsSync(library)) throw absentCompiler(`${command} makes no library`);
    return writeCached(name, ".so", readWholeFile(library, "compiled kernel", 2 ** 30));
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    // A signal to all processes of a terminal or a job ends the compiler, too, and may reach this process after that.
    if (signal !== undefined) await pause(50);
    signal?.throwIfAborted();
    throw explainCompilerFailure(cause as CompilerFailure, command, { cache: dirname(folder), mostSeconds });
  } finally {
    removeLeftovers(folder);
  }
}

type CompilerFailure = Error & { readonly stderr?: string; readonly signal?: string; readonly killed?: boolean };

function explainCompilerFailure(
  cause: CompilerFailure,
  command: string,
  { cache, mostSeconds }: { readonly cache: string; readonly mostSeconds: number },
): Error {
  const said = cause.stderr?.slice(0, 4000) ?? "";
  const refuse = (message: string, advice: string) => new UserError("E_COMPILER", message, advice, { cause });
  if (/No space left on device|Disk quota exceeded/.test(said)) {
    const full = Object.assign(new Error(said), { code: "ENOSPC" });
    return explainCacheFailure(full, cache) as Error;
  }
  if (cause.killed === true) {
    const advice = "Run the same again; if it does the same, try another compiler: CC=clang.";
    return refuse(`${command} did not end in ${mostSeconds} seconds`, advice);
  }
  if (cause.signal)
    return refuse(`${command} was ended by ${cause.signal} while it built a kernel`, "Run the same again.");
  if (march !== "native" && said.includes(march)) {
    return refuse(`${command} knows no processor "${march}", which CRAM_MARCH names`, "Unset CRAM_MARCH.");
  }
  return new Error(`${command} refused a printed kernel:\n${said}`, { cause });
}

export interface Compiler {
  readonly command: string;
  /** What CC says beside the command: "ccache gcc", "gcc -O2". */
  readonly flags: readonly string[];
  readonly version: string;
}

/** The first of CC, cc, gcc, clang that runs; UserError E_COMPILER_ABSENT. */
export async function findCompiler(): Promise<Compiler> {
  // A variable that is set and empty is one that is not set.
  const given = process.env.CC?.trim();
  const candidates = given ? [given] : ["cc", "gcc", "clang"];
  for (const candidate of candidates) {
    // A path may hold a space.
    const [command, ...flags] = existsSync(candidate) ? [candidate] : candidate.split(/\s+/);
    try {
      const { stdout } = await run(command!, [...flags, "--version"], { timeout: 30_000, killSignal: "SIGKILL" });
      return { command: command!, flags, version: stdout.split("\n")[0]! };
    } catch {
      // Not this one.
    }
  }
  if (!given) throw absentCompiler(`no C compiler found (looked for ${candidates.join(", ")})`);
  const isFolder = lookAt(given)?.isDirectory() === true;
  throw new UserError(
    "E_COMPILER_ABSENT",
    `CC is ${quoteWord(given)}, which is ${isFolder ? "a folder" : "no compiler that runs"}`,
    "Set CC to the command of a C compiler, or unset it: then cc, gcc and clang are looked for.",
  );
}

function absentCompiler(message: string): UserError {
  return new UserError(
    "E_COMPILER_ABSENT",
    message,
    "Install one: `apt-get install gcc libc6-dev` (Debian, Ubuntu, and Windows inside WSL), `dnf install gcc` (Fedora), `xcode-select --install` (macOS); or set CC.",
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
