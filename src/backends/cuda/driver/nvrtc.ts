// Compiles CUDA text to the code of one kind of device with NVRTC, off the event loop, once: the result is kept in the kernel
// cache under the hash of text, options and compiler. It needs no device.

import type { LibraryHandle } from "koffi";
import { contentHash } from "../../../base/files/files.ts";
import { hasLargeStacks, koffi } from "../../foreign-functions.ts";
import { readCached, writeCached } from "../../kernel-cache.ts";
import { findBuiltins } from "./libraries.ts";

export interface CudaCompiler {
  /** "NVRTC 13.0" */
  readonly version: string;
  readonly majorVersion: number;
  /** Compute capabilities it compiles for, times ten. */
  readonly architectures: readonly number[];
  /** The cubin of a text for this compute capability. A plain error with NVRTC's log when the text is refused. */
  compile(source: string, computeCapability: number): Promise<Uint8Array>;
}

/** Contraction of products and sums stays on, as in every CUDA compiler; no fast-math, so division and roots are exact. */
const options = ["--std=c++17", "--device-as-default-execution-space", "--fmad=true"];

/** For profilers and sanitizers, which then name lines of the emitted text. */
const lineInfo = () => (process.env.CRAM_CUDA_LINEINFO ? ["--generate-line-info"] : []);

type Word = BigUint64Array<ArrayBuffer>;

/** Libraries that must stay: koffi closes one that nothing refers to any more. */
const held: LibraryHandle[] = [];

/** The library at this path; an error of the system where it does not load. */
export function openNvrtc(path: string): CudaCompiler {
  // NVRTC opens its builtins by name; one that is loaded already is found whatever the folder.
  const builtins = findBuiltins(path);
  if (builtins !== undefined) held.push(koffi.load(builtins));
  const library = koffi.load(path);
  const major = new Int32Array(1);
  const minor = new Int32Array(1);
  library.func("int nvrtcVersion(void *major, void *minor)")(major, minor);
  const version = `NVRTC ${major[0]}.${minor[0]}`;
  const architectures = listArchitectures(library);
  const compile = declareCompile(library);
  const underWay = new Map<string, Promise<Uint8Array>>();
  return {
    version,
    majorVersion: major[0]!,
    architectures,
    compile: (source, computeCapability) => {
      const allOptions = [`--gpu-architecture=sm_${computeCapability}`, ...options, ...lineInfo()];
      const name = contentHash(source, allOptions.join(" "), version);
      const cached = readCached(name, ".cubin");
      if (cached !== undefined) return Promise.resolve(cached);
      let building = underWay.get(name);
      if (building === undefined) {
        building = compile(source, allOptions)
          .then(cubin => {
            writeCached(name, ".cubin", cubin);
            return cubin;
          })
          .finally(() => underWay.delete(name));
        underWay.set(name, building);
      }
      return building;
    },
  };
}

function listArchitectures(library: LibraryHandle): number[] {
  const count = new Int32Array(1);
  library.func("int nvrtcGetNumSupportedArchs(void *count)")(count);
  const architectures = new Int32Array(count[0]!);
  library.func("int nvrtcGetSupportedArchs(void *architectures)")(architectures);
  return [...architectures];
}

function declareCompile(library: LibraryHandle) {
  const create = library.func(
    "int nvrtcCreateProgram(void *program, const char *source, const char *name, int headers, void *contents, void *names)",
  );
  const compile = library.func("int nvrtcCompileProgram(uint64_t program, int count, const char **options)");
  const getLogSize = library.func("int nvrtcGetProgramLogSize(uint64_t program, void *size)");
  const getLog = library.func("int nvrtcGetProgramLog(uint64_t program, void *log)");
  const getCubinSize = library.func("int nvrtcGetCUBINSize(uint64_t program, void *size)");
  const getCubin = library.func("int nvrtcGetCUBIN(uint64_t program, void *cubin)");
  const destroy = library.func("int nvrtcDestroyProgram(void *program)");
  const nameResult = library.func("const char *nvrtcGetErrorString(int result)");

  return async (source: string, options: readonly string[]): Promise<Uint8Array> => {
    const program: Word = new BigUint64Array(1);
    const check = (result: number, doing: string): void => {
      if (result !== 0) throw new Error(`NVRTC, ${doing}: ${nameResult(result)}`);
    };
    check(create(program, source, "kernels.cu", 0, null, null), "opening a program");
    try {
      const result = await new Promise<number>((resolve, reject) => {
        // Without a large stack the event loop has to stand still for it: the other one is large enough.
        if (!hasLargeStacks) return resolve(compile(program[0], options.length, options));
        compile.async(program[0], options.length, options, (error: unknown, value: number) =>
          error ? reject(error) : resolve(value),
        );
      });
      const read = (measure: typeof getLogSize, fill: typeof getLog, what: string): Uint8Array => {
        const size: Word = new BigUint64Array(1);
        check(measure(program[0], size), `measuring ${what}`);
        const bytes = new Uint8Array(Number(size[0]));
        check(fill(program[0], bytes), `reading ${what}`);
        return bytes;
      };
      if (result !== 0) {
        const log = Buffer.from(read(getLogSize, getLog, "the log"))
          .toString()
          .replace(/\0+$/, "");
        throw new Error(`NVRTC refused a printed kernel (${nameResult(result)}):\n${log.slice(0, 4000)}`);
      }
      return read(getCubinSize, getCubin, "the code");
    } finally {
      destroy(program);
    }
  };
}
