// Which backend runs, by its name and threads: the one place that knows them all. A process has one backend open at a
// time, so who asks for one waits for the use before; a backend that is held open between uses gives way.

import type { Backend } from "../backends/backend.ts";
import { openCpu } from "../backends/cpu/cpu.ts";
import { UserError } from "../base/errors.ts";
import { countPerformanceCores } from "../machine/cores.ts";
import type { Recipe } from "../train/recipe.ts";
import { mostThreads, type OptionKinds, requireCount, requireName } from "./given-values.ts";

export const backendNames = ["cpu", "cuda", "reference"] as const;
export type BackendName = (typeof backendNames)[number];

export interface BackendChoice {
  /** cpu, cuda for an NVIDIA GPU, or reference: slow, exact, needs no C compiler. Default cpu; a GPU is never chosen unasked. */
  readonly backend?: BackendName | undefined;
  /** Threads of the cpu backend; with the same number a run repeats its bits. Default: the performance cores. */
  readonly threads?: number | undefined;
  /** Of the cuda backend: the GPU's number among those that CUDA_VISIBLE_DEVICES shows. Default 0. */
  readonly device?: number | undefined;
  /** Ends the compiling of kernels. */
  readonly signal?: AbortSignal | undefined;
}

/** For calls that take a choice beside their own options. */
export const backendOptionKinds: OptionKinds<BackendChoice> = {
  ...{ backend: "text", threads: "number", device: "number", signal: "signal" },
};

/** A choice with every default taken. UserError E_OPTION for what is no backend, no number of threads or no device of this backend. */
export function completeChoice(choice: BackendChoice): BackendChoice & { readonly backend: BackendName } {
  const backend = choice.backend ?? "cpu";
  requireName(backend, "backend", backendNames);
  const { signal } = choice;
  const device = choice.device === undefined ? undefined : requireCount(choice.device, "device", 0);
  if (backend === "cuda") return { backend, device: device ?? 0, signal };
  if (device !== undefined) {
    throw new UserError(
      "E_OPTION",
      `--device ${device} is a GPU, and the backend is ${backend}`,
      "Give --backend cuda, or leave --device out.",
    );
  }
  if (backend !== "cpu") return { backend, signal };
  const threads =
    choice.threads === undefined ? countPerformanceCores() : requireCount(choice.threads, "threads", 1, mostThreads);
  return { ...choice, backend, threads };
}

/**
 * Errors: E_OPTION for a narrow type on a backend or a GPU without it; E_COMPILER_ABSENT and E_THREADS of the cpu backend,
 * E_CUDA_ABSENT and E_CUDA_MEMORY of the cuda backend.
 */
export async function openBackend(choice: BackendChoice, precision: Recipe["train"]["precision"]): Promise<Backend> {
  const { backend, threads, device, signal } = completeChoice(choice);
  if (backend === "cpu") return openCpu({ threads, precision, signal });
  // Modules of what is not the cpu are read where that is wanted: no other start waits for them.
  if (backend === "cuda") return (await import("../backends/cuda/cuda.ts")).openCuda({ precision, device });
  if (precision === "f32" || precision === "auto") {
    return (await import("../backends/reference/reference.ts")).openReference();
  }
  throw new UserError("E_OPTION", "the reference backend computes in float64", "Set train.precision to f32 or auto.");
}

let lastUse: Promise<unknown> = Promise.resolve();

/** Uses of backends wait for each other, in the order they were asked for. */
function inTurn<T>(use: () => Promise<T>): Promise<T> {
  const own = lastUse.then(use);
  lastUse = own.catch(() => undefined);
  return own;
}

/** What stays open between uses, and for whom. */
interface Standing {
  readonly key: string;
  readonly backend: Backend;
  readonly holders: Set<object>;
}
let standing: Standing | undefined;

async function closeStanding(): Promise<void> {
  const open = standing;
  standing = undefined;
  await open?.backend.close();
}

/** Opens a backend, hands it to `use` and closes it. One that is held gives way. */
export function withBackend<T>(
  choice: BackendChoice,
  precision: Recipe["train"]["precision"],
  use: (backend: Backend) => Promise<T>,
): Promise<T> {
  return inTurn(async () => {
    await closeStanding();
    const backend = await openBackend(choice, precision);
    try {
      return await use(backend);
    } finally {
      await backend.close();
    }
  });
}

export interface HeldBackend {
  /** Hands over the backend, opened where it is not: another one than the last time where somebody else needed one meanwhile. */
  use<T>(work: (backend: Backend) => Promise<T>): Promise<T>;
  /** Nothing may be used after it. */
  close(): Promise<void>;
}

/** A backend that stays open between uses, shared by all who hold the same choice. It opens at the first use. */
export function holdBackend(choice: BackendChoice, precision: Recipe["train"]["precision"]): HeldBackend {
  const { backend: name, threads, device } = completeChoice(choice);
  const key = JSON.stringify([name, threads, device, precision]);
  const holder = {};
  return {
    use: work =>
      inTurn(async () => {
        if (standing?.key !== key) {
          await closeStanding();
          standing = { key, backend: await openBackend(choice, precision), holders: new Set() };
        }
        standing.holders.add(holder);
        return work(standing.backend);
      }),
    close: () =>
      inTurn(async () => {
        standing?.holders.delete(holder);
        if (standing?.holders.size === 0) await closeStanding();
      }),
  };
}
