import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { UserError } from "../base/errors.ts";
import { writeFileAtomically } from "../base/files/files.ts";
import { readSafetensors, type StoredTensor, saveSafetensors, writeSafetensors } from "./safetensors.ts";
import { listCheckpoints, loadCheckpoint, saveCheckpoint } from "./state.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-safetensors-"));
after(() => rmSync(folder, { recursive: true }));

const tensors = [
  { name: "a", shape: [2, 3], read: () => Float32Array.of(1, -2, 3.5, Number.MIN_VALUE, 1e30, 0) },
  { name: "b", shape: [1], read: () => Float32Array.of(7) },
];
const hasCode = (code: string) => (error: unknown) => error instanceof UserError && error.code === code;

test("what is written is read, and the bytes are those of the format", () => {
  const path = join(folder, "whole.safetensors");
  writeSafetensors(path, tensors, { format: "pt" });
  const read = readSafetensors(path);
  const fetch = (tensor: StoredTensor) => ({ ...tensor, read: [...tensor.read()] });
  assert.deepEqual([...read.values()].map(fetch), tensors.map(fetch));
  const bytes = readFileSync(path);
  const headerBytes = Number(bytes.readBigUInt64LE());
  assert.equal(headerBytes % 8, 0);
  assert.equal(bytes.length, 8 + headerBytes + 28);
  assert.equal(bytes.readFloatLE(8 + headerBytes + 24), 7);
});

test("values that come later give the same file", async () => {
  const [now, later] = [join(folder, "now.safetensors"), join(folder, "later.safetensors")];
  const held = tensors.map(tensor => ({ ...tensor, read: () => Promise.resolve(tensor.read()) }));
  assert.equal(await saveSafetensors(later, held), writeSafetensors(now, tensors));
  assert.deepEqual(readFileSync(later), readFileSync(now));
  const broken = held.map(tensor => ({ ...tensor, read: () => Promise.reject(new Error("the device is gone")) }));
  await assert.rejects(saveSafetensors(later, broken), /the device is gone/);
  assert.deepEqual(readFileSync(later), readFileSync(now), "what stood there stays");
});

test("a file cut anywhere is refused and named", () => {
  const path = join(folder, "cut.safetensors");
  writeSafetensors(path, tensors);
  const bytes = readFileSync(path);
  for (let length = 0; length < bytes.length; length += 3) {
    writeFileSync(path, bytes.subarray(0, length));
    assert.throws(() => readSafetensors(path), hasCode("E_CHECKPOINT_DAMAGED"));
  }
});

test("a missing tensor and another shape are refused", () => {
  const path = join(folder, "missing.safetensors");
  writeSafetensors(path, tensors);
  assert.throws(() => readSafetensors(path, new Map([["c", [1]]])), hasCode("E_CHECKPOINT_TENSOR"));
  assert.throws(() => readSafetensors(path, new Map([["a", [3, 2]]])), hasCode("E_CHECKPOINT_TENSOR"));
});

const stateAt = (step: number) => ({
  counters: { step, sequences: 0, elapsedSeconds: 1, seed: 0, recipeHash: "", datasetHash: "" } as const,
  parameters: tensors,
  moments: tensors,
});
const shapes = {
  parameters: new Map([["a", [2, 3]]]),
  moments: new Map([["b", { shape: [1], dtype: "f32" as const }]]),
};

test("the newest two checkpoints stay, and one without its last file does not count", async () => {
  const run = join(folder, "run");
  for (const step of [1, 2, 3]) await saveCheckpoint(run, stateAt(step));
  assert.deepEqual(listCheckpoints(run), [2, 3]);
  rmSync(join(run, "checkpoints/step-00000003/checkpoint.json"));
  assert.equal(loadCheckpoint(run, shapes).counters.step, 2);
});

test("a disk that fills up half-way leaves the file before it, and says so", () => {
  const path = join(folder, "full.bin");
  writeFileAtomically(path, "before");
  const parts = function* () {
    yield Buffer.alloc(1000);
    throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
  };
  assert.throws(() => writeFileAtomically(path, parts()), hasCode("E_DISK_FULL"));
  assert.equal(readFileSync(path, "utf8"), "before");
  assert.ok(!existsSync(`${path}.writing`));
});

test("a checkpoint on a disk that is really full leaves the one before it", async t => {
  const disk = join(folder, "disk");
  mkdirSync(disk);
  if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", disk]).status !== 0) {
    t.skip("mounting a small disk needs root");
    return;
  }
  try {
    await saveCheckpoint(disk, stateAt(1));
    const big = { ...stateAt(2), moments: [{ name: "b", shape: [1 << 16], read: () => new Float32Array(1 << 16) }] };
    await assert.rejects(() => saveCheckpoint(disk, big), hasCode("E_DISK_FULL"));
    assert.deepEqual(listCheckpoints(disk), [1]);
    assert.equal(loadCheckpoint(disk, shapes).counters.step, 1);
    assert.ok(!readdirSync(disk, { recursive: true }).some(name => String(name).endsWith(".writing")));
  } finally {
    spawnSync("umount", [disk]);
  }
});
