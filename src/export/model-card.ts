// The README.md of an export: what the model is, how it was trained, what it scored, how to load it, and how exact each file is.
// The Hub reads the block between the dashes.

import { basename } from "node:path";
import type { Evaluation } from "../report/runs/evaluations.ts";
import { formatDuration } from "../train/budget.ts";
import type { OnnxFile } from "./exported-files.ts";
import type { ModelKind } from "./hugging-face/hugging-face-family.ts";
import type { RunFacts } from "./run-facts.ts";

const taskOf = { tokens: "fill-mask", discriminator: "feature-extraction", encoder: "feature-extraction" } as const;
const nounOf = {
  tokens: "A masked language model",
  discriminator: "An encoder that tells replaced tokens",
  encoder: "An encoder",
} as const;

export interface ModelCard {
  readonly name: string;
  /** An identifier of the Hub's, as "mit"; undefined where nobody said. */
  readonly license: string | undefined;
  /** Of a run's training; undefined for a model that another program saved. */
  readonly facts: RunFacts | undefined;
  readonly parameters: number;
  /** Tokens that it reads at most. */
  readonly sequenceLength: number;
  readonly mask: string;
  readonly kind: ModelKind;
  /** Hugging Face's class; undefined where none can express the model, and why. */
  readonly className: string | undefined;
  readonly notes: readonly string[];
  readonly onnx: readonly OnnxFile[];
  /** Loss of the model itself on the sequences that files were compared on. */
  readonly loss: number | undefined;
  /** The ONNX Runtime that files were compared in. */
  readonly runtime: string | undefined;
}

/** A whole number with its thousands parted. */
export const whole = (value: number) => value.toLocaleString("en-US");
const nats = (value: number | undefined) => (value === undefined ? "unknown" : `${value.toFixed(3)} nats`);

export function formatModelCard(card: ModelCard): string {
  const { name, license, facts, kind, parameters } = card;
  const origin = facts === undefined ? "written from a model that another program saved" : describeOrigin(facts);
  const header = [
    "---",
    `license: ${license ?? "unknown"}`,
    `library_name: ${card.className === undefined ? "transformers.js" : "transformers"}`,
    `pipeline_tag: ${taskOf[kind]}`,
    "tags:",
    `- ${taskOf[kind]}`,
    "- cramming",
    ...(card.onnx.length > 0 ? ["- onnx"] : []),
    "---",
  ];
  return `${[
    header.join("\n"),
    `# ${name}`,
    `${nounOf[kind]} with ${whole(parameters)} parameters, ${origin}. It reads up to ${card.sequenceLength} tokens.`,
    ...formatUse(card),
    ...(facts === undefined ? [] : formatRun(facts)),
    "## Files",
    formatFiles(card),
    "## Licence of the data",
    license === undefined
      ? "Unknown. Whoever trained this model knows what texts it was trained on; nothing here says."
      : `${license}, as whoever exported the model said.`,
  ].join("\n\n")}\n`;
}

const describeOrigin = ({ recipe, isContinued }: RunFacts): string =>
  `trained from scratch on one machine within ${recipe.train.budget} by the recipe \`${recipe.name}\`` +
  `${isContinued ? ", beginning with another model's parameters" : ""}`;

const formatRun = (facts: RunFacts): string[] => [
  "## Training",
  formatTraining(facts),
  "The whole recipe:",
  `\`\`\`json\n${JSON.stringify(facts.recipe, undefined, 2)}\n\`\`\``,
  "## Scores",
  facts.evaluations.length === 0
    ? "Not evaluated on downstream tasks."
    : facts.evaluations.map(formatEvaluation).join("\n\n"),
];

function formatUse({ name, kind, className, mask, onnx }: ModelCard): string[] {
  const folder = `"${basename(name)}"`;
  const sentence = `The capital of France is ${mask}.`;
  const filling = `from transformers import pipeline\n\nfill = pipeline("fill-mask", model=${folder})\nprint(fill("${sentence}"))`;
  const [loader, answer] =
    kind === "discriminator"
      ? [className, "print(model(**inputs).logits > 0)  # True where a token was replaced"]
      : ["AutoModel", "print(model(**inputs).last_hidden_state)"];
  const encoding = [
    `from transformers import AutoTokenizer, ${loader}`,
    "",
    `tokenizer = AutoTokenizer.from_pretrained(${folder})`,
    `model = ${loader}.from_pretrained(${folder})`,
    'inputs = tokenizer("A sentence.", return_tensors="pt")',
    answer,
  ].join("\n");
  const python = kind === "tokens" ? filling : encoding;
  const script = [
    'import { pipeline } from "@huggingface/transformers";',
    "",
    ...(kind === "tokens"
      ? [
          `const fill = await pipeline("fill-mask", ${folder}, { dtype: "fp32" });`,
          `const filled = await fill("${sentence}");`,
        ]
      : []),
    `const embed = await pipeline("feature-extraction", ${folder}, { dtype: "fp32" });`,
    'const embedding = await embed("A sentence.", { pooling: "mean", normalize: true });',
  ].join("\n");
  return [
    "## Use",
    ...(className === undefined ? [] : [`\`\`\`python\n${python}\n\`\`\``]),
    ...(onnx.length === 0 ? [] : [`\`\`\`js\n${script}\n\`\`\``]),
  ];
}

function formatTraining({ recipe, step, tokens, elapsedSeconds, devices, losses, datasetHash }: RunFacts): string {
  return formatTable(
    ["", ""],
    [
      ["budget", `${recipe.train.budget}, of which ${formatDuration(elapsedSeconds)} used`],
      ["hardware", devices.join("; ") || "unknown"],
      ["steps", whole(step)],
      ["tokens", whole(tokens)],
      ["dataset", `\`${datasetHash}\` (hash)`],
      ["training loss, last steps", nats(losses.training)],
      ["validation loss", nats(losses.validation)],
      ["unigram entropy of the held-out text", nats(losses.unigram)],
    ],
  );
}

/** Medians over seeds, in percent, and the extremes where there are several. */
function formatEvaluation({ title, columns, rows }: Evaluation): string {
  const cellOf = ({ cells }: Evaluation["rows"][number], name: string): string => {
    const cell = cells.get(name);
    if (cell === undefined) return "";
    const spread = cell.seeds > 1 ? ` (${cell.minimum.toFixed(1)}–${cell.maximum.toFixed(1)})` : "";
    return `${cell.median.toFixed(1)}${spread}`;
  };
  const table = formatTable(
    ["", ...columns.map(column => `${column.title}, ${column.metric}`), "average"],
    rows.map(row => [
      row.name,
      ...columns.map(({ name }) => cellOf(row, name)),
      row.average?.value === undefined ? "" : row.average.value.toFixed(1),
    ]),
  );
  return `${title}, percent, median over seeds and the extremes:\n\n${table}`;
}

function formatFiles({ kind, className, notes, onnx, loss, runtime }: ModelCard): string {
  const size = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
  const rows = onnx.map(({ name, bytes, comparison }) => [
    `\`${name}\``,
    size(bytes),
    comparison === undefined ? "not compared" : (comparison.logits ?? comparison.hidden).toExponential(1),
    comparison?.loss === undefined ? "" : nats(comparison.loss),
  ]);
  const [compared, outputs] =
    kind === "tokens"
      ? ["a logit", "Outputs: `logits` and `last_hidden_state`."]
      : ["a hidden state", "Output: `last_hidden_state`."];
  const table = formatTable(["file", "size", `greatest difference of ${compared}`, "loss on held-out text"], rows);
  const against = runtime === undefined ? "no ONNX Runtime was installed to compare them" : `compared in ${runtime}`;
  return [
    ...(className === undefined ? [] : [`\`model.safetensors\`: ${className}, float32; read back, every value equal.`]),
    ...(onnx.length === 0
      ? []
      : [
          `${table}\n\n${kind === "tokens" ? `The model itself: ${nats(loss)}, on held-out sequences that are cut at different lengths. ` : ""}ONNX files: ${against}. ${outputs}`,
        ]),
    ...notes.map(note => `- ${note}`),
  ].join("\n\n");
}

/** A table in Markdown. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
