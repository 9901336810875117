// A finetuned model as one of Hugging Face's classes for its kind of task: the encoder by its family's table, the head by one more.
// A head that no class has is told with the settings of a finetuning that gives one.

import type { StoredTensor } from "../../checkpoint/safetensors.ts";
import type { ClassifierShape } from "../../model/classifier.ts";
import type { ModelShape } from "../../model/shape.ts";
import { exportParameters, importParameters, nameForeignTensors } from "../../pretrained/foreign/foreign-tensors.ts";
import { readTensorFile } from "../../pretrained/foreign/tensor-files.ts";
import type { SpecialIds } from "../../tokenizer/tokenizer.ts";
import { families, findNearest, findObstacle } from "./hugging-face-export.ts";
import type { ClassifierFamily, HuggingFaceFamily } from "./hugging-face-family.ts";

export interface FinetunedParts {
  readonly shape: ModelShape;
  readonly classifier: ClassifierShape;
  /** The encoder's, then the head's. */
  readonly parameters: readonly StoredTensor[];
  /** By class; empty for a regression. */
  readonly labels: readonly string[];
  /** What a regression predicts. */
  readonly label: string;
}

export interface ClassifierExport {
  readonly className: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly tensors: readonly StoredTensor[];
  readonly notes: readonly string[];
  /** Parameters of ours, by the names of `FinetunedParts`, out of the file that was written. */
  read(path: string): readonly StoredTensor[];
}

/** The part of a config.json that says what the outputs are. */
export function describeLabels({ classifier, labels, label }: Omit<FinetunedParts, "parameters" | "shape">) {
  const names = classifier.kind === "regression" ? [label] : labels;
  return {
    id2label: Object.fromEntries(names.map((name, place) => [String(place), name])),
    label2id: Object.fromEntries(names.map((name, place) => [name, place])),
    ...(classifier.kind !== "tokens" && {
      problem_type: classifier.kind === "regression" ? "regression" : "single_label_classification",
    }),
  };
}

/** A finetuned model as one of Hugging Face's classes, or why it is none. */
export function exportClassifier(
  parts: FinetunedParts,
  specials: SpecialIds,
): ClassifierExport | { readonly obstacle: string } {
  const { classifier, parameters } = parts;
  const found = findClass(parts.shape, classifier);
  if ("obstacle" in found) return found;
  const { family, head, shape } = found;
  const className = head.classNames[classifier.kind]!;
  const config = {
    ...{ architectures: [className], model_type: family.modelType },
    ...family.encodeConfig(shape, specials),
    ...head.encodeConfig(classifier),
    ...describeLabels(parts),
    ...{ tie_word_embeddings: true, dtype: "float32" },
  };
  const { table, derived } = family.tablesOf(config);
  const whole = { ...table, ...head.table };
  return {
    ...{ className, config, notes: family.listNotes(shape) },
    tensors: exportParameters(parameters, whole, derived),
    read: path => {
      const tensors = nameForeignTensors(readTensorFile(path), { renamed: [], tied: {}, ignored: [] });
      return importParameters(tensors, parameters, whole, derived);
    },
  };
}

interface FoundClass {
  readonly family: HuggingFaceFamily;
  readonly head: ClassifierFamily;
  readonly shape: ModelShape;
}

/** The family that has a class for the model with this head, or why none has. */
export function findClass(
  finetuned: ModelShape,
  classifier: ClassifierShape,
): FoundClass | { readonly obstacle: string } {
  // A finetuned model predicts no tokens, so it has no head that a family could lack, and no weights stand in the way.
  const shape: ModelShape = { ...finetuned, head: "transform" };
  const family = families.find(candidate => findObstacle(candidate, shape, []) === undefined);
  if (family === undefined) return { obstacle: findObstacle(findNearest(shape), shape, [])! };
  const { head } = family;
  if (head === undefined) return { obstacle: `${family.name}'s classes for tasks have another head` };
  const obstacle = findHeadObstacle(family, head, shape, classifier);
  return obstacle === undefined ? { family, head, shape } : { obstacle };
}

function findHeadObstacle(
  { name }: HuggingFaceFamily,
  head: ClassifierFamily,
  shape: ModelShape,
  classifier: ClassifierShape,
): string | undefined {
  if (head.classNames[classifier.kind] === undefined)
    return `${name}'s class for ${classifier.kind} has no hidden layer`;
  const differing = Object.entries(head.settings(shape, classifier)).filter(
    ([key, wanted]) => classifier[key as keyof ClassifierShape] !== wanted,
  );
  if (differing.length === 0) return undefined;
  const seen = differing.map(([key]) => `${key}=${classifier[key as keyof ClassifierShape]}`);
  const wanted = differing.map(([key, value]) => `${key}=${value}`);
  return (
    `the head has ${seen.join(", ")}, and ${name}'s has ${wanted.join(", ")}: ` +
    `cram evaluate ${wanted.map(each => `--set ${each}`).join(" ")} finetunes one that it can express`
  );
}
