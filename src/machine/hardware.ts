// The machine itself: processor, memory, disk, and what there is of NVIDIA's.

import { accessSync, constants, existsSync, readdirSync, readFileSync, statfsSync, statSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { dirname, join, resolve } from "node:path";
import { multipliesBf16, processorFlags } from "../backends/cpu/build.ts";
import { type CudaLibraryName, findCudaLibrary, listLibraryFolders } from "../backends/cuda/driver/libraries.ts";
import { openMonitor } from "../backends/cuda/driver/nvml.ts";
import { kernelCacheFolder } from "../backends/kernel-cache.ts";
import { UserError } from "../base/errors.ts";
import type { Finding } from "./finding.ts";

/** Instruction sets that kernels profit from, by their names in /proc/cpuinfo. */
const instructionSets = ["sse4_2", "avx", "avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "bf16", "sve"];

const leastBytes = { memory: 2e9, disk: 2e9 };

export interface MachineMemory {
  /** Of the machine, or of the container where that is less. */
  readonly totalBytes: number;
  /** What a process can have now without others being swapped out. */
  readonly availableBytes: number;
}

export function readMemory(): MachineMemory {
  const constrained = process.constrainedMemory() || Number.POSITIVE_INFINITY;
  const available = process.availableMemory();
  const installed = readInstalledMemory() ?? available;
  return { totalBytes: Math.min(constrained, installed), availableBytes: available };
}

function readInstalledMemory(): number | undefined {
  try {
    return 1024 * Number(/^MemTotal:\s+(\d+)/m.exec(readFileSync("/proc/meminfo", "utf8"))![1]);
  } catch {
    return undefined;
  }
}

export function examineHardware(): Finding[] {
  const common = { group: "machine", needed: false } as const;
  const flags = new Set(processorFlags().split(/\s+/));
  const sets = instructionSets.filter(name => flags.has(name));
  const untried = process.arch === "arm64" ? " by quads, which was never run on such a processor" : "";
  const how = flags.has("amx_bf16") ? " by tiles" : untried;
  const products = multipliesBf16() ? `products in bf16${how}` : "no instruction for bf16, so products in f32";
  const { totalBytes, availableBytes } = readMemory();
  const memory = `${gigabytes(totalBytes)}, ${gigabytes(availableBytes)} available`;
  return [
    { ...common, name: "processor", state: "found", detail: cpus()[0]?.model.trim() ?? process.arch },
    { ...common, name: "cores", state: "found", detail: `${availableParallelism()} for this process` },
    { ...common, name: "instructions", state: "found", detail: `${sets.join(", ") || process.arch}; ${products}` },
    availableBytes >= leastBytes.memory
      ? { ...common, name: "memory", state: "found", detail: memory }
      : { ...common, name: "memory", state: "missing", detail: memory, fix: "close other programs" },
    examineFolder("working folder", process.cwd(), false),
    examineCache(),
  ];
}

function examineCache(): Finding {
  const name = "kernel cache";
  try {
    return examineFolder(name, kernelCacheFolder(), true);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { name, group: "machine", needed: true, state: "missing", detail: error.message, fix: error.advice };
  }
}

/** Whether a folder, or the nearest one above it that exists, may be written and has room. */
function examineFolder(name: string, folder: string, needed: boolean): Finding {
  let standing = resolve(folder);
  while (!existsSync(standing) && dirname(standing) !== standing) standing = dirname(standing);
  const common = { name, group: "machine", needed } as const;
  if (!mayWriteInto(standing)) {
    const fix = needed ? "export CRAM_CACHE=/a/folder/of/yours" : "cd to a folder of yours";
    return { ...common, state: "missing", detail: `${folder}: nothing may be written there`, fix };
  }
  const { bavail, bsize } = statfsSync(standing);
  const detail = `${folder}: ${gigabytes(bavail * bsize)} free`;
  if (bavail * bsize >= leastBytes.disk) return { ...common, state: "found", detail };
  return { ...common, needed: false, state: "missing", detail, fix: "free some space on this disk" };
}

function mayWriteInto(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return statSync(folder).isDirectory();
  } catch {
    return false;
  }
}

const libraries = [
  { name: "CUDA driver", library: "cuda" },
  { name: "NVML", library: "nvidia-ml" },
  { name: "NVRTC", library: "nvrtc" },
  { name: "cuBLASLt", library: "cublasLt" },
  { name: "NCCL", library: "nccl" },
] as const;

/** What --backend cuda stands on. Only where there is a card is something of it missed. */
export function examineNvidia(folders = listLibraryFolders(), kernelFolder = "/proc/driver/nvidia"): Finding[] {
  const common = { group: "nvidia", needed: false } as const;
  const driver = readText(join(kernelFolder, "version"));
  const version = driver === undefined ? undefined : (/\b\d{3,}\.[\d.]+/.exec(driver)?.[0] ?? "of some version");
  const models = listNames(join(kernelFolder, "gpus")).map(
    gpu => /^Model:\s*(.*)$/m.exec(readText(join(kernelFolder, "gpus", gpu, "information")) ?? "")?.[1] ?? gpu,
  );
  const kernel: Finding =
    version === undefined
      ? { ...common, name: "kernel module", state: "absent", detail: `no ${join(kernelFolder, "version")}` }
      : { ...common, name: "kernel module", state: "found", detail: [version, ...models].join(", ") };
  const found = libraries.map(({ name, library }): Finding => {
    const seen = lookFor(library, folders);
    const isOfMany = library === "nccl";
    const note = isOfMany ? "; several GPUs sum by it, which was tried on a stand-in alone" : "";
    if (seen.path !== undefined) return { ...common, name, state: "found", detail: `${seen.path}${note}` };
    const detail = `in no folder of libraries${note}`;
    if (version === undefined || (isOfMany && models.length < 2)) return { ...common, name, state: "absent", detail };
    return {
      ...common,
      name,
      state: "missing",
      detail: isOfMany ? detail : `${detail}; --backend cuda needs it`,
      fix: seen.fix,
    };
  });
  return [kernel, ...found];
}

/** The device as NVIDIA's management library shows it at this moment; nothing where there is none. */
export function examineDevice(): Finding[] {
  const monitor = openMonitor();
  if (monitor === undefined) return [];
  const { name, usedBytes, totalBytes, watts, limitWatts, celsius, clockMegahertz } = monitor.readState();
  monitor.close();
  const show = (value: number | undefined, unit: string) =>
    value === undefined ? [] : [`${Math.round(value)} ${unit}`];
  const power =
    watts !== undefined && limitWatts !== undefined
      ? [`${Math.round(watts)} of ${Math.round(limitWatts)} W`]
      : show(watts, "W");
  const memory = `${gigabytes(usedBytes)} of ${gigabytes(totalBytes)} in use`;
  const detail = [name, memory, ...power, ...show(celsius, "°C"), ...show(clockMegahertz, "MHz")].join(", ");
  return [{ name: "device", group: "nvidia", needed: false, state: "found", detail }];
}

function lookFor(
  library: CudaLibraryName,
  folders: readonly string[],
): { path: string } | { path: undefined; fix: string } {
  try {
    const path = findCudaLibrary(library, undefined, folders);
    if (path.includes("/")) return { path };
    return { path: undefined, fix: "install NVIDIA's driver, or give the container the device (docker: --gpus all)" };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { path: undefined, fix: error.advice };
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function listNames(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;
