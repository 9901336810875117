import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { openReference } from "../backends/reference/reference.ts";
import { UserError } from "../base/errors.ts";
import { initialiseParameters } from "../model/initialise.ts";
import { listParameters } from "../model/parameters.ts";
import { completeShape } from "../model/shape.ts";
import { compareModels } from "./compare.ts";
import { acceptFiles, checkComparison, exportedNames, onnxFileNames, replaceExport } from "./exported-files.ts";
import type { OnnxModel } from "./onnx/onnx-runtime.ts";
import { drawProbes } from "./probes.ts";

const out = mkdtempSync(join(tmpdir(), "cram-exported-"));
after(() => rmSync(out, { recursive: true }));

/** Every file below, with its content. */
const snapshot = () =>
  readdirSync(out, { recursive: true, encoding: "utf8" })
    .filter(name => statSync(join(out, name)).isFile())
    .sort()
    .map(name => [name, readFileSync(join(out, name), "utf8")]);

const writeExport = (content: string, names: readonly string[]) => async (draft: string) => {
  for (const name of names) {
    mkdirSync(dirname(join(draft, name)), { recursive: true });
    writeFileSync(join(draft, name), name === "README.md" ? `- cramming\n${content}` : content);
  }
};

test("an export that is refused, at whatever file, leaves the earlier one whole", async () => {
  const files = (["f32", "f16", "int8"] as const).map(type => ({ type, name: onnxFileNames[type], bytes: 1 }));
  await replaceExport(out, writeExport("old", exportedNames));
  const before = snapshot();
  assert.equal(before.length, exportedNames.length);
  for (const bad of files) {
    const refused = replaceExport(out, async draft => {
      await writeExport("new", exportedNames)(draft);
      acceptFiles(draft, files, files, (path, type) => {
        if (type === bad.type) throw new UserError("E_EXPORT_MISMATCH", `${path}: off`, "Leave it out.");
      });
    });
    await assert.rejects(refused, { code: "E_EXPORT_MISMATCH", message: `${join(out, bad.name)}: off` });
    assert.deepEqual(snapshot(), before);
  }
  // Of an export that succeeds nothing of the earlier one is left, and what a person put there is.
  writeFileSync(join(out, "LICENSE"), "mine");
  const names = ["README.md", "config.json", "onnx/model.onnx"];
  await replaceExport(out, writeExport("new", names));
  const checksums = "cram-export.json";
  assert.deepEqual(
    snapshot().filter(([name]) => name !== checksums),
    [
      ["LICENSE", "mine"],
      ["README.md", "- cramming\nnew"],
      ["config.json", "new"],
      ["onnx/model.onnx", "new"],
    ],
  );
  const { files: listed } = JSON.parse(readFileSync(join(out, checksums), "utf8"));
  // sha256sum of "new".
  const sha256 = "11507a0e2f5e69d5dfa40a62a1bd7b6ee57e6bcd85c67c9b8431b36fff21c437";
  assert.deepEqual(listed, { "config.json": sha256, "onnx/model.onnx": sha256 });
});

test("one logit that is no number, and no other that is off, is a mismatch", async () => {
  const shape = completeShape({
    ...{ width: 4, layers: 1, heads: 1, feedForward: 4, vocabulary: 9, sequenceLength: 6 },
    positions: "rotary",
  });
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
