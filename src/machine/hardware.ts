// The machine itself: processor, memory, disk, and what there is of NVIDIA's.

import { accessSync, constants, existsSync, readdirSync, readFileSync, statfsSync, statSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { multipliesBf16Pairs, processorFlags } from "../backends/cpu/build.ts";
import { kernelCacheFolder } from "../backends/kernel-cache.ts";
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
  const products = multipliesBf16Pairs() ? "products in bf16" : "no instruction for bf16, so products in f32";
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
    examineFolder("kernel cache", kernelCacheFolder(), true),
  ];
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
  { name: "CUDA driver", pattern: /^libcuda\.so\.1$/ },
  { name: "NVRTC", pattern: /^libnvrtc\.so(\.\d+)*$/ },
  { name: "cuBLASLt", pattern: /^libcublasLt\.so(\.\d+)*$/ },
];

/** Looked for only: there is no cuda backend yet, so nothing here is needed. */
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
  const found = libraries.map(({ name, pattern }): Finding => {
    for (const folder of folders) {
      const file = listNames(folder).find(entry => pattern.test(entry));
      if (file !== undefined) return { ...common, name, state: "found", detail: join(folder, file) };
    }
    return { ...common, name, state: "absent", detail: "in no folder of libraries" };
  });
  return [kernel, ...found];
}

function listLibraryFolders(): string[] {
  const given = (process.env.LD_LIBRARY_PATH ?? "").split(delimiter).filter(folder => folder !== "");
  const triple = process.arch === "arm64" ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
  const usual = [`/usr/lib/${triple}`, `/lib/${triple}`, "/usr/lib64", "/usr/local/cuda/lib64", "/usr/lib/wsl/lib"];
  return [...given, ...usual];
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
