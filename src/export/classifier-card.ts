// The README.md of an exported finetuned model: what it tells apart, how it was finetuned, what it scored and how it was chosen, how
// to load it, and how exact each file is. The Hub reads the block between the dashes.

import type { ClassifierComparison } from "./compare-classifier.ts";
import type { OnnxFile } from "./exported-files.ts";
import { formatTable, whole } from "./model-card.ts";

/** Scores by metric, as shares; of a split on its own. */
interface ScoredSplit {
  readonly name: string;
  readonly examples: number;
  readonly scores: Readonly<Record<string, number>>;
}

/** A finetuning's result, as far as a card tells it. */
interface ScoredSeed {
  readonly seed: number;
  readonly model: string;
  readonly suite: string;
  readonly device: string;
  readonly metrics: readonly string[];
  readonly splits: readonly ScoredSplit[];
  readonly recipe: Readonly<Record<string, unknown>>;
  /** Why the data is not the published task. */
  readonly subsets: readonly string[];
  readonly hashes: { readonly model: string; readonly data: string };
  readonly training: { readonly examples: number; readonly truncated: number; readonly steps: number };
}

export interface ClassifierFacts {
  readonly task: string;
  readonly title: string;
  readonly kind: "classification" | "regression" | "tokens";
  readonly texts: readonly string[];
  readonly label: string;
  readonly labels: readonly string[];
  readonly maxLength: number;
  readonly separator: string;
  readonly result: ScoredSeed;
  /** Every seed of the same model, data and recipe. */
  readonly seeds: readonly ScoredSeed[];
}

export interface ClassifierCard {
  readonly name: string;
  /** An identifier of the Hub's, as "mit"; undefined where nobody said. */
  readonly license: string | undefined;
  readonly facts: ClassifierFacts;
  /** Hugging Face's class; undefined where none can express the model. */
  readonly className: string | undefined;
  readonly notes: readonly string[];
  readonly onnx: readonly OnnxFile<ClassifierComparison>[];
  readonly probes: number;
  readonly runtime: string | undefined;
}

export function formatClassifierCard(card: ClassifierCard): string {
  const { license, facts } = card;
  const { title, kind, labels, label, texts, maxLength, result } = facts;
  const pipeline = kind === "tokens" ? "token-classification" : "text-classification";
  const header = [
    "---",
    `license: ${license ?? "unknown"}`,
    `library_name: ${card.className === undefined ? "transformers.js" : "transformers"}`,
    `pipeline_tag: ${pipeline}`,
    "tags:",
    `- ${pipeline}`,
    "- cramming",
    ...(card.onnx.length > 0 ? ["- onnx"] : []),
    "---",
  ];
  const answer = {
    classification: `one of ${labels.length} classes: ${labels.map(name => `\`${name}\``).join(", ")}`,
    regression: `a number, \`${label}\``,
    tokens: `one of ${labels.length} tags for each word, at its first token: ${labels.map(name => `\`${name}\``).join(", ")}`,
  }[kind];
  return `${[
    header.join("\n"),
    `# ${card.name}`,
    `The model \`${result.model}\` finetuned on ${title}. It reads ${describeTexts(texts, kind)}, up to ${maxLength} tokens, and ` +
      `answers with ${answer}.`,
    ...formatUse(card, pipeline),
    "## Finetuning",
    formatFinetuning(facts),
    "The whole recipe:",
    `\`\`\`json\n${JSON.stringify(result.recipe, undefined, 2)}\n\`\`\``,
    "## Scores",
    formatScores(facts),
    "## Files",
    formatFiles(card),
    "## Licence of the data",
    license === undefined
      ? "Unknown. Whoever trained this model knows what texts it was trained and finetuned on; nothing here says."
      : `${license}, as whoever exported the model said.`,
  ].join("\n\n")}\n`;
}

function describeTexts(texts: readonly string[], kind: ClassifierFacts["kind"]): string {
  if (kind === "tokens") return "a sentence of words";
  const names = texts.map(name => `\`${name}\``).join(", ");
  return texts.length === 1 ? `one text (${names})` : `${texts.length} texts (${names}, in this order)`;
}

function formatUse({ name, className, onnx, facts }: ClassifierCard, pipeline: string): string[] {
  const folder = JSON.stringify(name);
  const isPair = facts.texts.length === 2;
  const joined = facts.texts.map(text => `the ${text}`).join(` ${facts.separator} `);
  const one = JSON.stringify(facts.texts.length > 2 ? joined : "A text.");
  const given = isPair ? '{"text": "A text.", "text_pair": "Another one."}' : one;
  const python = `from transformers import pipeline\n\nclassify = pipeline("${pipeline}", model=${folder})\nprint(classify(${given}))`;
  // The script's pipeline takes single texts and makes probabilities of what it gets.
  const withPipeline = [
    'import { pipeline } from "@huggingface/transformers";',
    "",
    `const classify = await pipeline("${pipeline}", ${folder}, { dtype: "fp32" });`,
    `console.log(await classify(${one}));`,
  ];
  const withModel = [
    'import { AutoModelForSequenceClassification, AutoTokenizer } from "@huggingface/transformers";',
    "",
    `const tokenizer = await AutoTokenizer.from_pretrained(${folder});`,
    `const model = await AutoModelForSequenceClassification.from_pretrained(${folder}, { dtype: "fp32" });`,
    `const inputs = tokenizer(${isPair ? '"A text.", { text_pair: "Another one.", truncation: true }' : `${one}, { truncation: true }`});`,
    facts.kind === "regression"
      ? "console.log((await model(inputs)).logits.data[0]);"
      : "console.log((await model(inputs)).logits.softmax(-1).tolist());",
  ];
  const script = facts.kind === "regression" || isPair ? withModel : withPipeline;
  return [
    "## Use",
    ...(className === undefined ? [] : [`\`\`\`python\n${python}\n\`\`\``]),
    ...(onnx.length === 0
      ? []
      : [
          `\`\`\`js\n${script.join("\n")}\n\`\`\``,
          `Longer texts than ${facts.maxLength} tokens: in finetuning the longest was cut until all had room, as Python's tokenizers ` +
            "do it. Those of scripts cut off the end, the last separator with it.",
        ]),
  ];
}

function formatFinetuning({ result }: ClassifierFacts): string {
  const { suite, training, subsets, hashes, device, seed } = result;
  const data = subsets.length === 0 ? "the whole task" : subsets.join("; ");
  return formatTable(
    ["", ""],
    [
      ["data", `${suite === "own" ? "a file of one's own" : suite}: ${data}; \`${hashes.data}\` (hash)`],
      ["training examples", `${whole(training.examples)}, of which ${whole(training.truncated)} were cut`],
      ["steps", whole(training.steps)],
      ["seed", String(seed)],
      ["hardware", device],
      ["began with", `\`${result.model}\`, \`${hashes.model}\` (hash)`],
    ],
  );
}

/** In percent: this model's, and where there were other seeds their median and extremes. */
function formatScores({ result, seeds }: ClassifierFacts): string {
  const rows = result.splits.flatMap(({ name, examples, scores }) =>
    result.metrics.map(metric => {
      const all = seeds
        .map(each => each.splits.find(split => split.name === name)?.scores[metric] ?? Number.NaN)
        .sort((a, b) => a - b);
      // Of seeds one of which has no score there is no median, and nothing to sort.
      const isNone = all.some(Number.isNaN);
      const middle = isNone ? Number.NaN : (all[(all.length - 1) >> 1]! + all[all.length >> 1]!) / 2;
      const others =
        seeds.length < 2 ? [] : [percent(middle), isNone ? "none" : `${percent(all[0]!)} to ${percent(all.at(-1)!)}`];
      return [`${name}, ${whole(examples)} examples`, metric, percent(scores[metric] ?? Number.NaN), ...others];
    }),
  );
  const count = seeds.length;
  const head = [
    "split",
    "metric",
    "this model",
    ...(count < 2 ? [] : [`median of ${count} seeds`, "lowest to highest"]),
  ];
  const choice =
    count < 2
      ? "One seed was finetuned."
      : "The median is what another finetuning would score; a seed that was chosen for its score on these examples is flattered by it.";
  return `Percent, on examples that were not trained on:\n\n${formatTable(head, rows)}\n\n${choice}`;
}

const percent = (share: number) => (Number.isNaN(share) ? "none" : (100 * share).toFixed(1));

function formatFiles({ className, notes, onnx, probes, runtime }: ClassifierCard): string {
  const rows = onnx.map(({ name, bytes, comparison }) => [
    `\`${name}\``,
    `${(bytes / 1e6).toFixed(1)} MB`,
    comparison === undefined ? "not compared" : comparison.logits.toExponential(1),
    comparison?.changed === undefined ? "" : `${(100 * comparison.changed).toFixed(1)} %`,
  ]);
  const table = formatTable(["file", "size", "greatest difference of a logit", "other answers"], rows);
  const against =
    runtime === undefined
      ? "No ONNX Runtime was installed to compare them."
      : `Compared with the model on ${probes} validation examples, in ${runtime}.`;
  return [
    ...(className === undefined ? [] : [`\`model.safetensors\`: ${className}, float32; read back, every value equal.`]),
    ...(onnx.length === 0 ? [] : [`${table}\n\n${against} The output is \`logits\`.`]),
    ...notes.map(note => `- ${note}`),
  ].join("\n\n");
}
