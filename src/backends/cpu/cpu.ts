// The backend for machines without a GPU: emitted C, compiled once, run on its own threads off the event loop.

import { availableParallelism, cpus } from "node:os";
import { UserError } from "../../base/errors.ts";
import { compileGraph } from "../../compiler/compile.ts";
import type { Program } from "../../compiler/program/program.ts";
import { cpuTarget } from "../../compiler/targets/cpu-target.ts";
import type { Graph, Precision } from "../../graph/tensor.ts";
import type { Backend } from "../backend.ts";
import { compileOnce } from "../program-cache.ts";
import { multipliesBf16, processorFlags, targetFlag } from "./build.ts";
import { findCompositeKernel } from "./composites.ts";
import { loadProgram } from "./load-program.ts";
import { foreseeOrthogonalise } from "./orthogonalise.ts";
import { loadPeakKernels, measurePeakFlops } from "./peak.ts";
import { type CpuBuffer, ThreadPool } from "./pool.ts";

export interface CpuOptions {
  /**
   * Into how many parts work is cut, and so its bits; the machine's processors unless given. No more threads compute than there
   * are processors.
   */
  readonly threads?: number | undefined;
  /** auto: bf16 where the processor multiplies pairs of it, else f32. Default f32, the exact one. */
  readonly precision?: "auto" | Precision;
  /** Ends compiling. */
  readonly signal?: AbortSignal | undefined;
}

let opened = false;

/** Starts the threads. One CPU backend is open at a time in a process. UserErrors: E_OPTION for f16, and those of the compiler. */
export async function openCpu(options: CpuOptions = {}): Promise<Backend> {
  const precision = choosePrecision(options.precision ?? "f32");
  if (opened) throw new Error("the cpu backend is open already; close it first");
  // Before the wait: a second call meanwhile would start threads over the first ones.
  opened = true;
  const threads = options.threads ?? availableParallelism();
  const pool = await ThreadPool.open(Math.min(threads, availableParallelism()), options.signal).catch(error => {
    opened = false;
    throw error;
  });
  return {
    name: "cpu",
    device: `${describeDevice(threads)}, ${precision}`,
    processors: pool.threads,
    allocate: (shape, dtype) => pool.allocate(shape, dtype),
    write: (buffer, values) => pool.write(buffer as CpuBuffer, values),
    view: buffer => pool.view(buffer as CpuBuffer),
    read: buffer => pool.read(buffer as CpuBuffer),
    locate: buffer => (buffer as CpuBuffer).address,
    foresee: graphs => foreseeOrthogonalise(graphs, { threads, precision }, pool.flags, options.signal),
    load: (graph, states) => {
      const target = ["cpu", threads, precision, targetFlag, processorFlags(), pool.hasTiles];
      const program = compileOnce(graph, target, each => compileForCpu(each, threads, precision, pool.hasTiles));
      return loadProgram(program, states as ReadonlyMap<string, CpuBuffer>, pool, options.signal);
    },
    compile: graph => compileForCpu(graph, threads, precision, pool.hasTiles),
    availableBytes: () => process.availableMemory(),
    measurePeak: async behind => {
      const [kernels] = await Promise.all([loadPeakKernels(pool, precision, options.signal), behind]);
      return pool.alone(() => measurePeakFlops(pool, kernels));
    },
    close: () =>
      pool.alone(async () => {
        pool.close();
        opened = false;
      }),
  };
}

/** The program that a cpu backend of these threads and this precision runs; nothing is built. */
export function compileForCpu(graph: Graph, threads: number, precision: Precision, hasTiles = false): Program {
  return compileGraph(graph, cpuTarget, {
    ...{ threads, precision, hasTiles },
    findCompositeKernel: (name, attributes) => findCompositeKernel(name, attributes, threads),
  });
}

/** auto: bf16 where this processor multiplies pairs of it. UserError E_OPTION for f16: its products would be f32's, and slower. */
function choosePrecision(precision: "auto" | Precision): Precision {
  if (precision === "f16") {
    throw new UserError("E_OPTION", "the cpu backend multiplies no f16", "Set train.precision to bf16, f32 or auto.");
  }
  if (precision !== "auto") return precision;
  return multipliesBf16() ? "bf16" : "f32";
}

function describeDevice(threads: number): string {
  const vectors = ["avx512f", "avx2", "asimd"].find(flag => processorFlags().includes(flag)) ?? "scalar";
  return `${cpus()[0]?.model.trim() ?? process.arch}, ${threads} thread${threads === 1 ? "" : "s"}, ${vectors}`;
}
