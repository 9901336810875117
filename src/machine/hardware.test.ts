import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { hasWhatIsNeeded } from "./finding.ts";
import { examineNvidia } from "./hardware.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-hardware-"));
after(() => rmSync(folder, { recursive: true }));

test("NVIDIA's driver, cards and libraries are found where they are, and nobody misses them", () => {
  const kernel = join(folder, "nvidia");
  mkdirSync(join(kernel, "gpus/0000:01:00.0"), { recursive: true });
  // As a machine with a driver shows them.
  writeFileSync(
    join(kernel, "version"),
    "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.54.15  Release Build\nGCC version: gcc 12.2.0\n",
  );
  writeFileSync(join(kernel, "gpus/0000:01:00.0/information"), "Model: \t\t NVIDIA H200\nIRQ:   \t\t 16\n");
  mkdirSync(join(folder, "lib"));
  writeFileSync(join(folder, "lib/libnvrtc.so.12"), "");
  for (const name of ["libnvrtc-builtins.so.12.8", "libcuda.so.1", "libcublasLt.so.12", "libcublasLt.so.13"]) {
    writeFileSync(join(folder, "lib", name), "");
  }
  const findings = examineNvidia([join(folder, "nowhere"), join(folder, "lib")], kernel);
  assert.deepEqual(
    findings.map(({ name, state, detail }) => [name, state, detail]),
    [
      ["kernel module", "found", "550.54.15, NVIDIA H200"],
      ["CUDA driver", "found", join(folder, "lib/libcuda.so.1")],
      ["NVML", "missing", "in no folder of libraries; --backend cuda needs it"],
      ["NVRTC", "found", join(folder, "lib/libnvrtc.so.12")],
      ["cuBLASLt", "found", join(folder, "lib/libcublasLt.so.13")],
      ["NCCL", "absent", "in no folder of libraries; several GPUs sum by it, which was tried on a stand-in alone"],
    ],
  );
  assert.match(findings[2]!.fix!, /driver/);
  mkdirSync(join(kernel, "gpus/0000:02:00.0"));
  const nccl = examineNvidia([join(folder, "lib")], kernel).at(-1)!;
  assert.equal(nccl.state, "missing");
  assert.match(nccl.fix!, /pip install nvidia-nccl-cu13/);
  const without = examineNvidia([join(folder, "nowhere")], join(folder, "nowhere"));
  assert.ok(
    without.every(({ state, fix }) => state !== "missing" && fix === undefined),
    "without a card nothing is missed",
  );
  assert.equal(hasWhatIsNeeded(findings), true);
});

test("only what is needed and missing stops the default backend", () => {
  const finding = { name: "x", group: "packages", detail: "", fix: "y" } as const;
  assert.equal(hasWhatIsNeeded([{ ...finding, state: "missing", needed: false }]), true);
  assert.equal(hasWhatIsNeeded([{ ...finding, state: "missing", needed: true }]), false);
});
