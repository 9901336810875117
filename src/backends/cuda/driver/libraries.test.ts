import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { findBuiltins, findCudaLibrary, listDriverPaths, listLibraryFolders, nameLibraryFile } from "./libraries.ts";

const root = mkdtempSync(join(tmpdir(), "cram-libraries-"));
after(() => rmSync(root, { recursive: true }));

function place(...names: string[]): void {
  for (const name of names) {
    mkdirSync(join(root, name, ".."), { recursive: true });
    writeFileSync(join(root, name), "");
  }
}

test("the newest library that the driver runs, from the first folder that has one", () => {
  place("a/libnvrtc.so.12", "a/libnvrtc.so.13", "a/libnvrtc.so", "a/libnvrtc-builtins.so.13.0", "b/libcublasLt.so.12");
  const folders = [join(root, "none"), join(root, "a"), join(root, "b")];
  assert.equal(findCudaLibrary("nvrtc", 13, folders), join(root, "a/libnvrtc.so.13"));
  assert.equal(findCudaLibrary("nvrtc", 14, folders), join(root, "a/libnvrtc.so.13"));
  assert.equal(findCudaLibrary("nvrtc", 12, folders), join(root, "a/libnvrtc.so.12"));
  assert.equal(findCudaLibrary("cublasLt", 13, folders), join(root, "b/libcublasLt.so.12"));
  assert.equal(findCudaLibrary("cuda", 13, folders), "libcuda.so.1");
  place("b/libnccl.so.2");
  assert.equal(findCudaLibrary("nccl", 13, folders), join(root, "b/libnccl.so.2"));
  assert.equal(findBuiltins(join(root, "a/libnvrtc.so.13")), join(root, "a/libnvrtc-builtins.so.13.0"));
  assert.equal(findBuiltins(join(root, "b/libnvrtc.so.12")), undefined);
});

test("libraries have NVIDIA's names on Windows", () => {
  const names = (["cuda", "nvidia-ml", "nvrtc", "cublasLt"] as const).map(name => nameLibraryFile(name, 13, "win32"));
  assert.deepEqual(names, ["nvcuda.dll", "nvml.dll", "nvrtc64_130_0.dll", "cublasLt64_13.dll"]);
});

test("the driver is the one a person named, then the loader's, then one in a folder that the loader may not know", () => {
  place("c/libcuda.so.1", "d/libcuda.so.1");
  const [named, known] = [join(root, "c"), join(root, "d")];
  const both = listDriverPaths("cuda", { CRAM_CUDA_LIBRARIES: named, LD_LIBRARY_PATH: known });
  assert.deepEqual(both.slice(0, 2), [join(named, "libcuda.so.1"), "libcuda.so.1"]);
  const unnamed = listDriverPaths("cuda", { LD_LIBRARY_PATH: known });
  assert.deepEqual(unnamed, ["libcuda.so.1", join(known, "libcuda.so.1")]);
});

test("what is in no folder is an error with the line that installs it", {
  skip: process.env.PATH === undefined,
}, () => {
  const path = process.env.PATH;
  // No python3 to ask.
  process.env.PATH = join(root, "none");
  try {
    assert.throws(() => findCudaLibrary("cublasLt", 13, []), {
      code: "E_CUDA_ABSENT",
      message: /cuBLASLt \(libcublasLt\.so\.12 or libcublasLt\.so\.13\)/,
      advice: /pip install nvidia-cuda-nvrtc nvidia-cublas,.*CRAM_CUDA_LIBRARIES/,
    });
    assert.throws(() => findCudaLibrary("nvrtc", 12, []), { advice: /nvidia-cuda-nvrtc-cu12/ });
    assert.throws(() => findCudaLibrary("nccl", 13, []), {
      message: /^NCCL \(libnccl\.so\.2\) is in none/,
      advice: /pip install nvidia-nccl-cu13, or -cu12/,
    });
  } finally {
    process.env.PATH = path;
  }
});

test("folders a person named come first; wheels of both layouts and toolkits are looked into", () => {
  place("venv/lib/python3.12/site-packages/nvidia/cu13/lib/libnvrtc.so.13");
  place("venv/lib/python3.12/site-packages/nvidia/cublas/lib/libcublasLt.so.12");
  const folders = listLibraryFolders({
    CRAM_CUDA_LIBRARIES: "/mine:/also",
    LD_LIBRARY_PATH: "/ld",
    CUDA_HOME: "/toolkit",
    VIRTUAL_ENV: join(root, "venv"),
  });
  assert.deepEqual(folders.slice(0, 4), ["/mine", "/also", "/ld", "/toolkit/bin"]);
  const site = join(root, "venv/lib/python3.12/site-packages");
  for (const folder of ["nvidia/cu13/lib", "nvidia/cublas/lib"]) assert.ok(folders.includes(join(site, folder)));
});
