import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { openReference } from "../backends/reference/reference.ts";
import { initialiseParameters } from "../model/initialise.ts";
import { listParameters, type ModelShape } from "../model/shape.ts";
import { compareModels } from "./compare.ts";
import { acceptFiles, checkComparison, onnxFileNames } from "./exported-files.ts";
import type { OnnxModel } from "./onnx-runtime.ts";
import { drawProbes } from "./probes.ts";

const out = mkdtempSync(join(tmpdir(), "cram-exported-"));
after(() => rmSync(out, { recursive: true }));

test("every file that is refused is removed, and what follows one is checked, too", () => {
  const files = (["f32", "f16", "int8"] as const).map(type => ({ type, name: onnxFileNames[type], bytes: 1 }));
  for (const { name } of files) {
    mkdirSync(dirname(join(out, name)), { recursive: true });
    writeFileSync(join(out, name), "a model");
  }
  const refuse = (path: string, _: string, isGood: boolean) => {
    if (!isGood) throw new Error(path);
  };
  assert.throws(() => acceptFiles(out, files, [false, true, false], refuse), { message: join(out, files[0]!.name) });
  assert.deepEqual(
    files.map(({ name }) => existsSync(join(out, name))),
    [false, true, false],
  );
});

test("one logit that is no number, and no other that is off, is a mismatch", async () => {
  const shape: ModelShape = {
    ...{ width: 4, layers: 1, heads: 1, feedForward: 4, vocabulary: 9, sequenceLength: 6 },
    positions: "rotary",
  };
  const values = initialiseParameters(shape, 0);
  const parameters = listParameters(shape).map(each => ({ ...each, read: () => values.get(each.name)! }));
  const broken: OnnxModel = {
    run: async tokens => {
      const logits = new Float32Array(tokens.length * shape.vocabulary);
      logits[1] = Number.NaN;
      return { logits, hidden: new Float32Array(tokens.length * shape.width) };
    },
    close: async () => {},
  };
  const backend = openReference();
  const compared = await compareModels(backend, shape, parameters, [broken], drawProbes(shape, 2, 0));
  await backend.close();
  const [comparison] = compared.comparisons;
  assert.ok(Number.isNaN(comparison!.logits));
  assert.throws(() => checkComparison("model.onnx", "int8", comparison!, compared), { code: "E_EXPORT_MISMATCH" });
});
