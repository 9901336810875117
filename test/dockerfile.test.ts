// The Dockerfile as its language server reads it, and its copies as the context has them; where Docker has an engine, Docker checks it, too.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { DockerfileParser } from "dockerfile-ast";
import { validate } from "dockerfile-utils";

const root = join(import.meta.dirname, import.meta.dirname.includes(join("dist", "test")) ? "../.." : "..");
const text = readFileSync(join(root, "Dockerfile"), "utf8");

test("the Dockerfile has no fault, and what it copies is there or made by a stage before", () => {
  assert.deepEqual(
    validate(text).map(({ message, range }) => `${range.start.line + 1}: ${message}`),
    [],
  );
  const file = DockerfileParser.parse(text);
  const stages = file.getFROMs().map(from => from.getBuildStage() ?? "");
  assert.deepEqual(stages, ["build", "cpu", "cuda"]);
  const ignored = readFileSync(join(root, ".dockerignore"), "utf8").split("\n");
  for (const copy of file.getCOPYs()) {
    const from = copy.getFromFlag()?.getValue();
    if (from !== undefined) assert.ok(stages.includes(from ?? ""), `${from}`);
    else {
      for (const source of copy.getArguments().slice(0, -1)) {
        assert.ok(existsSync(join(root, source.getValue())) && !ignored.includes(source.getValue()), source.getValue());
      }
    }
  }
});

const hasEngine = spawnSync("docker", ["buildx", "inspect"], { timeout: 10_000 }).status === 0;

test("Docker takes it", { skip: hasEngine ? false : "Docker has no engine here" }, () => {
  for (const target of ["cpu", "cuda"]) {
    const words = ["build", "--check", "--target", target, root];
    const { status, stdout, stderr } = spawnSync("docker", words, { encoding: "utf8", timeout: 120_000 });
    assert.equal(status, 0, `${stdout}${stderr}`);
  }
});
