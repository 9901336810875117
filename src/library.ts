// The package as a library: what `import … from "cramming"` gives. These names are stable; everything else under src/ may move.
// docs/LIBRARY.md shows them together, and a test runs its examples and those of the doc comments.

export { UserError } from "./base/errors.ts";
export type { DocumentsManifest } from "./corpus/documents.ts";
export type { DatasetManifest } from "./dataset/manifest.ts";
export type { TrainingEvent } from "./train/events.ts";
export type { Recipe } from "./train/recipe.ts";
export type { BackendChoice, BackendName } from "./verbs/backend.ts";
export { type EmbedOptions, embed } from "./verbs/embed.ts";
export { type FilledMask, type FilledText, type FillMaskOptions, fillMask } from "./verbs/fill-mask.ts";
export { type Prepared, type PrepareOptions, prepare } from "./verbs/prepare.ts";
export { type NewRun, type PretrainOptions, type PretrainResult, pretrain, type ResumedRun } from "./verbs/pretrain.ts";
