// The package as a library: what `import … from "cramming"` gives. These names are stable; everything else under src/ may move.
// docs/LIBRARY.md and docs/EXTEND.md show them together, and a test runs their examples and those of the doc comments.

export { UserError } from "./base/errors.ts";
export type { DocumentsManifest } from "./corpus/documents.ts";
export type { DatasetManifest } from "./dataset/manifest.ts";

export type { FinetuneRecipe } from "./evaluate/finetuning/finetune-recipe.ts";
export type { Scoreboard } from "./evaluate/scores/scoreboard.ts";
export type { TrainingEvent } from "./events/event.ts";
export * as operations from "./graph/operations.ts";
export type { Shape, Tensor } from "./graph/tensor.ts";
export type { Mixer, Mixing, ParameterMaker } from "./model/mixers/mixer.ts";
export { addMixer } from "./model/mixers/mixers.ts";
export { commonSettings, type OptimizedParameter, type Optimizer, type StepOperands } from "./optim/optimizer.ts";
export { addOptimizer } from "./optim/optimizers.ts";
export type { RateSchedule } from "./optim/schedule.ts";
export type { Forecast } from "./plan/forecast.ts";
export { addSchedule, type Recipe } from "./train/recipe.ts";
export type { BackendChoice, BackendName } from "./verbs/backend.ts";
export { type ExportCorpusOptions, type ExportedCorpus, exportCorpus } from "./verbs/corpus/export-corpus.ts";
export { type CorpusView, type ShowCorpusOptions, showCorpus } from "./verbs/corpus/show-corpus.ts";
export { type EvaluateCallOptions as EvaluateOptions, type Evaluation, evaluate } from "./verbs/evaluate/evaluate.ts";
export type { EvaluateEvent } from "./verbs/evaluate/evaluate-options.ts";
export type { FinetunedExport, FinetunedExportOptions as ExportOptions } from "./verbs/export/export-finetuned.ts";
export { exportModel } from "./verbs/export/export-model.ts";
export type { ExportResult } from "./verbs/export/export-run.ts";
export { type HubChoice, type PullOptions, type PushOptions, pull, push } from "./verbs/hub.ts";
export type { Classified, ClassifiedTexts, LabelShare } from "./verbs/model/classify.ts";
export { type EmbedOptions, embed } from "./verbs/model/embed.ts";
export { type FillOptions, fill } from "./verbs/model/fill.ts";
export type { FilledMask, FilledText } from "./verbs/model/fill-masks.ts";
export { type Model, type ModelOptions, openModel } from "./verbs/model/open-model.ts";
export { type FoundText, type SearchOptions, search } from "./verbs/model/search-texts.ts";
export { type PlanOptions, plan } from "./verbs/plan.ts";
export type { Prepared, PreparedShard } from "./verbs/prepare/dataset-options.ts";
export type { PreparePlan } from "./verbs/prepare/plan/plan-prepare.ts";
export type { MachineShard } from "./verbs/prepare/portioned-work.ts";
export { mergeMachines, planPrepare, prepare, prepareOnMachine } from "./verbs/prepare/prepare.ts";
export type { PrepareOptions } from "./verbs/prepare/prepare-options.ts";
export type { StageProgress } from "./verbs/prepare/stages/progress.ts";
export {
  type EventListeners,
  type PretrainOptions,
  type PretrainResult,
  pretrain,
  type Training,
} from "./verbs/pretrain/pretrain.ts";
export type { NewRun, ResumedRun } from "./verbs/pretrain/run-plan.ts";
export type { ExtendingRecipe } from "./verbs/recipe.ts";
export { report } from "./verbs/report/report.ts";
export type { ReportOptions, WrittenReport } from "./verbs/report/report-places.ts";
export { type ServeOptions, serve } from "./verbs/serve/serve-model.ts";
