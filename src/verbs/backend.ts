// Which backend runs, by its name and threads: the one place that knows them all. A process has one cpu backend open at a
// time, so who asks for it through withBackend waits for the one before.

import type { Backend } from "../backends/backend.ts";
import { openCpu } from "../backends/cpu/cpu.ts";
import { openCuda } from "../backends/cuda/cuda.ts";
import { openReference } from "../backends/reference/reference.ts";
import { UserError } from "../base/errors.ts";
import { countPerformanceCores } from "../machine/cores.ts";
import type { Recipe } from "../train/recipe.ts";

export const backendNames = ["cpu", "cuda", "reference"] as const;
export type BackendName = (typeof backendNames)[number];

export interface BackendChoice {
  /** cpu, cuda for an NVIDIA GPU, or reference: slow, exact, needs no C compiler. Default cpu; a GPU is never chosen unasked. */
  readonly backend?: BackendName | undefined;
  /** Threads of the cpu backend; with the same number a run repeats its bits. Default: the performance cores. */
  readonly threads?: number | undefined;
  /** Ends the compiling of kernels. */
  readonly signal?: AbortSignal | undefined;
}

/** A choice with every default taken. */
export function completeChoice(choice: BackendChoice): BackendChoice & { readonly backend: BackendName } {
  const backend = choice.backend ?? "cpu";
  if (backend !== "cpu") return { backend, signal: choice.signal };
  return { ...choice, backend, threads: choice.threads ?? countPerformanceCores() };
}

/**
 * Errors: E_OPTION for bf16 on the reference backend or a GPU without it; E_COMPILER_ABSENT and E_THREADS of the cpu backend,
 * E_CUDA_ABSENT and E_CUDA_MEMORY of the cuda backend.
 */
export async function openBackend(choice: BackendChoice, precision: Recipe["train"]["precision"]): Promise<Backend> {
  const { backend, threads, signal } = completeChoice(choice);
  if (backend === "cpu") return openCpu({ threads, precision, signal });
  if (backend === "cuda") return openCuda({ precision });
  if (precision !== "bf16") return openReference();
  throw new UserError("E_OPTION", "the reference backend computes in float64", "Set train.precision to f32 or auto.");
}

let lastUse: Promise<unknown> = Promise.resolve();

/** Opens a backend, hands it to `use` and closes it. Uses wait for each other, in the order they were asked for. */
export function withBackend<T>(
  choice: BackendChoice,
  precision: Recipe["train"]["precision"],
  use: (backend: Backend) => Promise<T>,
): Promise<T> {
  const own = lastUse.then(async () => {
    const backend = await openBackend(choice, precision);
    try {
      return await use(backend);
    } finally {
      await backend.close();
    }
  });
  lastUse = own.catch(() => undefined);
  return own;
}
