// The cpu backend's other paths on the same machine: the suites that hold it to the reference and to PyTorch, with kernels
// built for AVX2 alone, for AVX-512 without pairs of bf16, and with AMX's tiles and Arm's quads, emulated in plain C.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { processorFlags } from "../../src/backends/cpu/build.ts";

const pathOf = (suite: string) => join(import.meta.dirname, `../${suite}.test.js`);

/** Which tests of a suite are the cpu's: what others compute is the same whatever its instructions are. */
const ownTests = {
  "conformance/conformance": ".",
  "golden/golden-model": "^cpu",
  "conformance/precision": "cpu$|^Newton",
};

// Operation by operation f32 at AVX-512 is what such a processor runs without this test, and bf16 without pairs what AVX2 runs here:
// of the third path whole models are enough, which take half the time.
for (const [march, flag, suites] of [
  ["x86-64-v3", "avx2", ["conformance/conformance", "golden/golden-model", "conformance/precision"]],
  ["x86-64-v4", "avx512f", ["golden/golden-model", "conformance/precision"]],
] as const) {
  const has = (each: string) => process.arch === "x64" && processorFlags().includes(each);
  const isOwn = march === "x86-64-v3" && !has("avx512f");
  const skip = !has(flag) ? `this processor has no ${flag}` : isOwn && "this processor's own kernels are these";
  for (const suite of suites) {
    test(`${suite}, built for ${march}`, { skip, timeout: 300_000 }, () => passSuite(suite, { CRAM_MARCH: march }));
  }
}

for (const emulated of ["tiles", "quads"]) {
  for (const suite of ["golden/golden-model", "conformance/precision"] as const) {
    const skip = process.arch !== "x64" && "both are emulated on x64";
    test(`${suite}, with ${emulated}`, { skip, timeout: 300_000 }, () =>
      passSuite(suite, { CC: `${process.env.CC || "cc"} -DEMULATED_${emulated.toUpperCase()}` }),
    );
  }
}

function passSuite(suite: keyof typeof ownTests, given: Readonly<Record<string, string>>): void {
  // NODE_TEST_CONTEXT would make the child report to this runner instead of judging by itself.
  const { NODE_TEST_CONTEXT: _, ...environment } = process.env;
  const words = ["--test-reporter=tap", `--test-name-pattern=${ownTests[suite]}`, pathOf(suite)];
  const { status, stdout } = spawnSync(process.execPath, words, {
    env: { ...environment, ...given },
    encoding: "utf8",
  });
  const failed = stdout.split("\n").filter(line => /^\s*(not ok|# fail|error:)/.test(line));
  assert.equal(status, 0, failed.join("\n"));
  assert.match(stdout, /^# pass [1-9]/m);
}
