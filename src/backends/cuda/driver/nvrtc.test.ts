import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { useOwnCache } from "../../../../test/own-cache.ts";
import { skipWithout } from "../../../../test/required.ts";
import { UserError } from "../../../base/errors.ts";
import { findCudaLibrary } from "./libraries.ts";
import { openNvrtc } from "./nvrtc.ts";

const cache = useOwnCache();

function findNvrtc(): string | UserError {
  try {
    return findCudaLibrary("nvrtc");
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
}

const found = findNvrtc();
const skip = skipWithout("cuda", typeof found === "string" ? undefined : found.message);
const nvrtc = typeof found === "string" ? openNvrtc(found) : undefined;
const doubling = `extern "C" __global__ void twice(float *x) { x[threadIdx.x] *= 2.0f; }`;
const listCubins = () => readdirSync(join(cache, "kernels")).filter(name => name.endsWith(".cubin"));

test("a text becomes an ELF file for NVIDIA's machines, kept for the next time", { skip }, async () => {
  const [first, again] = await Promise.all([nvrtc!.compile(doubling, 90), nvrtc!.compile(doubling, 90)]);
  assert.equal(first, again, "asked for twice at once, compiled once");
  // ELF64, little-endian; bytes 18 and 19 are e_machine, 190 for CUDA.
  assert.deepEqual([...first.subarray(0, 6)], [0x7f, 0x45, 0x4c, 0x46, 2, 1]);
  assert.equal(first[18]! + 256 * first[19]!, 190);
  assert.ok(Buffer.from(first).includes("twice"));
  assert.equal(listCubins().length, 1);
  assert.deepEqual(await nvrtc!.compile(doubling, 90), Buffer.from(first));
  await nvrtc!.compile(doubling, 80);
  assert.equal(listCubins().length, 2);
  assert.deepEqual(
    readdirSync(join(cache, "kernels")).filter(name => !name.endsWith(".cubin")),
    [],
    "no drafts are left",
  );
});

test("a refused text is an error with the line and the reason, and nothing is kept", { skip }, async () => {
  const before = listCubins().length;
  const wrong = `extern "C" __global__ void f(float *x) {\n  x[0] = y;\n}`;
  await assert.rejects(nvrtc!.compile(wrong, 90), /kernels\.cu\(2\): error: identifier "y" is undefined/);
  assert.equal(listCubins().length, before);
});

test("the kinds of device that this project speaks of are compiled for", { skip }, () => {
  for (const architecture of [75, 80, 90]) assert.ok(nvrtc!.architectures.includes(architecture));
});
