// Where NVIDIA's libraries are on this machine. The driver comes with the card; NVRTC and cuBLASLt come from a CUDA toolkit or
// from Python wheels (PyTorch brings both), of any major version that the driver runs. On Windows the names are NVIDIA's, but nothing
// was tried there.

import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { UserError } from "../../../base/errors.ts";

/** By the name on Linux, lib<name>.so.<major>. */
export type CudaLibraryName = "cuda" | "nvidia-ml" | "nvrtc" | "cublasLt" | "nccl";

const titles: Readonly<Record<CudaLibraryName, string>> = {
  cuda: "the CUDA driver",
  "nvidia-ml": "NVML",
  nvrtc: "NVRTC",
  cublasLt: "cuBLASLt",
  nccl: "NCCL",
};

/** The file of a library: of the two of the driver, which have no version on Windows, and of the others. There is no NCCL for Windows. */
export function nameLibraryFile(name: CudaLibraryName, major: number, platform: string = process.platform): string {
  if (platform !== "win32") return `lib${name}.so.${major}`;
  const names = {
    cuda: "nvcuda.dll",
    "nvidia-ml": "nvml.dll",
    nvrtc: `nvrtc64_${major}0_0.dll`,
    cublasLt: `cublasLt64_${major}.dll`,
    nccl: `nccl64_${major}.dll`,
  };
  return names[name];
}

/** The major versions of CUDA whose libraries are called here; they share the functions and the numbers used. */
const knownMajors = [12, 13];
/** NCCL counts its own, whatever CUDA it is made for. */
const ncclMajor = 2;

type Environment = Readonly<Record<string, string | undefined>>;

/** Folders to look in, those that a person named first. Python is asked for its own only when the others have nothing. */
export function listLibraryFolders(environment: Environment = process.env): string[] {
  const split = (name: string) => (environment[name] ?? "").split(delimiter).filter(folder => folder !== "");
  const [triple, target] =
    process.arch === "arm64" ? ["aarch64-linux-gnu", "sbsa-linux"] : ["x86_64-linux-gnu", "x86_64-linux"];
  const toolkits = [...split("CUDA_HOME"), ...split("CUDA_PATH"), "/usr/local/cuda"];
  const pythons = [...split("VIRTUAL_ENV"), ...split("CONDA_PREFIX")].flatMap(listSitePackages);
  return [
    ...split("CRAM_CUDA_LIBRARIES"),
    ...split("LD_LIBRARY_PATH"),
    // Windows has no other way to say where libraries are.
    ...(process.platform === "win32" ? split("PATH") : []),
    ...toolkits.flatMap(toolkit => ["bin", "lib64", "lib", `targets/${target}/lib`].map(part => join(toolkit, part))),
    ...pythons.flatMap(listWheelFolders),
    ...[
      `/usr/lib/${triple}`,
      `/lib/${triple}`,
      "/usr/lib64",
      "/usr/lib/wsl/lib",
      "/usr/local/nvidia/lib64",
      "/run/opengl-driver/lib",
    ],
  ];
}

/**
 * The path of a library, its major version at most `newestMajor`; for the two of the driver, the name that the system's loader
 * knows where no folder has it. UserError E_CUDA_ABSENT says what is missing and how to install it.
 */
export function findCudaLibrary(
  name: CudaLibraryName,
  newestMajor = Math.max(...knownMajors),
  folders: readonly string[] = listLibraryFolders(),
): string {
  const isOfDriver = name === "cuda" || name === "nvidia-ml";
  const ofCuda = knownMajors.filter(major => major <= newestMajor);
  const majors = isOfDriver ? [1] : name === "nccl" ? [ncclMajor] : ofCuda;
  const found = findInFolders(name, majors, folders);
  if (found !== undefined) return found;
  if (isOfDriver) return nameLibraryFile(name, 1);
  const inPython = findInFolders(name, majors, askPython().flatMap(listWheelFolders));
  if (inPython !== undefined) return inPython;
  const suffix = newestMajor < 13 ? "-cu12" : "";
  const packages =
    name === "nccl"
      ? "nvidia-nccl-cu13, or -cu12 for a driver of CUDA 12, or install libnccl2 from NVIDIA"
      : `nvidia-cuda-nvrtc${suffix} nvidia-cublas${suffix}, or install the CUDA toolkit`;
  throw new UserError(
    "E_CUDA_ABSENT",
    `${titles[name]} (${majors.map(major => nameLibraryFile(name, major)).join(" or ")}) is in none of the folders looked in`,
    `pip install ${packages}; or set CRAM_CUDA_LIBRARIES to the folder that has it.`,
  );
}

function findInFolders(
  name: CudaLibraryName,
  majors: readonly number[],
  folders: readonly string[],
): string | undefined {
  const newestFirst = [...majors].sort((a, b) => b - a);
  for (const folder of folders) {
    for (const major of newestFirst) {
      const path = join(folder, nameLibraryFile(name, major));
      if (existsSync(path)) return path;
    }
  }
  return undefined;
}

/**
 * The driver's own libraries, in the order to try: where a person said, as the system's loader is set up (a container may put a
 * newer one before the machine's), and in the folders that it may not know.
 */
export function listDriverPaths(name: "cuda" | "nvidia-ml", environment: Environment = process.env): string[] {
  const named = (environment.CRAM_CUDA_LIBRARIES ?? "").split(delimiter).filter(folder => folder !== "");
  const [own, other] = [findInFolders(name, [1], named), findInFolders(name, [1], listLibraryFolders(environment))];
  return [own, nameLibraryFile(name, 1), other].filter(path => path !== undefined);
}

/** NVRTC's other half, which it looks for by name only: the one beside it, or undefined where that is the system's business. */
export function findBuiltins(nvrtcPath: string): string | undefined {
  const folder = join(nvrtcPath, "..");
  const name = listNames(folder).find(entry =>
    /^(libnvrtc-builtins\.so\.\d+\.\d+|nvrtc-builtins64_\d+\.dll)$/.test(entry),
  );
  return name === undefined ? undefined : join(folder, name);
}

/** The folders of libraries that NVIDIA's wheels make under a site-packages: one for CUDA 13, one a library before. */
function listWheelFolders(sitePackages: string): string[] {
  const nvidia = join(sitePackages, "nvidia");
  const folders = listNames(nvidia).flatMap(name => ["lib", "bin"].map(part => join(nvidia, name, part)));
  return [...folders, join(sitePackages, "torch", "lib")];
}

function listSitePackages(prefix: string): string[] {
  if (process.platform === "win32") return [join(prefix, "Lib", "site-packages")];
  const lib = join(prefix, "lib");
  const versions = listNames(lib).filter(name => /^python3(\.\d+)?$/.test(name));
  return versions.map(version => join(lib, version, "site-packages"));
}

let pythonPath: string[] | undefined;

/** The import path of the python3 that is first on PATH; empty where there is none. */
function askPython(): string[] {
  if (pythonPath === undefined) {
    try {
      const script = "import sys; print('\\n'.join(sys.path))";
      pythonPath = execFileSync("python3", ["-c", script], {
        encoding: "utf8",
        timeout: 10_000,
        stdio: ["ignore", "pipe", "ignore"],
      })
        .split("\n")
        .filter(path => path !== "");
    } catch {
      pythonPath = [];
    }
  }
  return pythonPath;
}

function listNames(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}
