// The package as a library: what `import … from "cramming"` gives. These names are stable; everything else under src/ may move.
// docs/LIBRARY.md shows them together, and a test runs its examples and those of the doc comments.

export { UserError } from "./base/errors.ts";
export type { DocumentsManifest } from "./corpus/documents.ts";
export type { DatasetManifest } from "./dataset/manifest.ts";
export type { TrainingEvent } from "./events/event.ts";
export type { Recipe } from "./train/recipe.ts";
export type { BackendChoice, BackendName } from "./verbs/backend.ts";
export { type EmbedOptions, embed } from "./verbs/model/embed.ts";
export { type FilledMask, type FilledText, type FillOptions, fill } from "./verbs/model/fill.ts";
export type { Prepared } from "./verbs/prepare/dataset-options.ts";
export { type PrepareOptions, prepare } from "./verbs/prepare/prepare.ts";
export { type PretrainOptions, type PretrainResult, pretrain } from "./verbs/pretrain/pretrain.ts";
export type { NewRun, ResumedRun } from "./verbs/pretrain/run-plan.ts";
