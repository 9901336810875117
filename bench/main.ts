// The benchmarks: `npm run bench -- NAME`. Each first checks its results against a reference, then times ours and the peers in
// turn in one run and prints the ratio of the medians, above 1 where ours is faster.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Command, CommanderError, Option } from "commander";
import { crammedBert } from "../recipes/crammed-bert.ts";
import { crammedBertSmall } from "../recipes/crammed-bert-small.ts";
import { glue } from "../recipes/glue.ts";
import { UserError } from "../src/base/errors.ts";
import { addRecipeOptions, type RecipeOptions } from "../src/cli/choose.ts";
import type { MpiName } from "../src/collective/mpi/mpi-library.ts";
import { type TokenizerKindName, tokenizerKinds } from "../src/tokenizer/kinds/kinds.ts";
import { type Recipe, replaceTraining } from "../src/train/recipe.ts";
import { chooseRecipe } from "../src/verbs/recipe.ts";
import { readLaws, readResults, writeAnalysis } from "./analysis/analysis-page.ts";
import { findings } from "./analysis/findings.ts";
import { benchCompressibility } from "./corpus/compressibility.ts";
import { benchDeduplication, type Deduplication, deduplications } from "./corpus/deduplication.ts";
import { benchMemory } from "./corpus/memory.ts";
import { benchPlanted } from "./corpus/planted.ts";
import { libraries } from "./fault-table.ts";
import { benchFaults, chooseFaults, showFaults, type Way, ways } from "./faults.ts";
import { benchFinetune } from "./finetune.ts";
import { benchMatmul, type ProductPeer, productPeers } from "./matmul.ts";
import type { Precision } from "./own/own-step.ts";
import { benchPeak } from "./peak.ts";
import { listProducts, type Product, type ProductPrecision, productPrecisions } from "./products.ts";
import { pause, watchOthers } from "./quiet.ts";
import { benchRanks } from "./ranks.ts";
import { createReporter, type Reporter } from "./report.ts";
import { benchScoring, type ScoringPeer, scoringPeers } from "./scoring.ts";
import { benchShare } from "./share.ts";
import { benchStep } from "./step.ts";
import { benchSync } from "./sync.ts";
import { benchTokenizer } from "./tokenizer.ts";

interface CommonOptions {
  readonly rounds: number;
  readonly json: boolean;
}

interface TurnOptions extends CommonOptions {
  readonly threads: number;
  readonly quiet: number;
}

// Settings of OpenBLAS that slow it on some machines: a peer is timed at its best. Before any library is loaded.
for (const name of ["OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"]) delete process.env[name];

const program = new Command("bench").description("Time ours beside the peers.").exitOverride();

function readCount(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count > 0) return count;
  throw new UserError("E_OPTION", `${text} is no number of anything`, "Give a whole number from 1.");
}

const readList = (text: string) => text.split(",");

function readChoices<Choice extends string>(choices: readonly Choice[]) {
  return (text: string): Choice[] =>
    readList(text).map(word => {
      const choice = choices.find(each => each === word);
      if (choice !== undefined) return choice;
      throw new UserError("E_OPTION", `there is no "${word}"`, `Give some of ${choices.join(", ")}.`);
    });
}

function addBenchmark(name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .option("--rounds <number>", "turns of each contestant", readCount, 5)
    .option("--json", "one line of JSON a case", false);
}

/** Options of benchmarks in which contestants take turns. */
function addTurns(command: Command): Command {
  return command
    .option("--threads <number>", "of each contestant", readCount, 2)
    .option(
      "--quiet <seconds>",
      "wait so long for other programs to rest, and take turns again that they disturbed",
      readCount,
      0,
    );
}

interface CorpusWords {
  readonly file: string[];
  readonly megabytes: number;
  readonly wordsPerEdit: number;
  readonly steps: Deduplication[];
  readonly memory: number;
  readonly folder?: string;
  readonly json: boolean;
}

async function open({ json }: Pick<CommonOptions, "json">): Promise<Reporter> {
  const reporter = createReporter(json);
  const disturbed = watchOthers([process.pid]);
  await pause(500);
  if (disturbed()) reporter.note("other programs use the processors: the figures will be low and vary (--quiet waits)");
  return reporter;
}

interface StepWords extends TurnOptions, RecipeOptions {
  readonly microBatch?: number;
  readonly peer?: string;
  readonly python: string[];
  readonly precision: Precision[];
  readonly compile: boolean;
  readonly compileUpdate: boolean;
}

addRecipeOptions(addTurns(addBenchmark("step", "a full training step on one micro-batch")), "crammed-bert-small")
  .option("--micro-batch <sequences>", "sequences of a step; the recipe's unless given", readCount)
  .addOption(new Option("--peer <name>", "beside PyTorch").choices(["torch"]))
  .option("--python <paths>", "Python with torch, or several with commas", readList, ["/usr/bin/python3"])
  .option("--precision <names>", "of the peer: f32, bf16 or both", readChoices(["f32", "bf16"]), ["f32"])
  .option("--compile", "torch.compile the peer", false)
  .option("--compile-update", "torch.compile the peer's update of Muon", false)
  .addHelpText("after", "\nOurs runs in the recipe's precision: --set train.precision=f32.")
  .action(async (words: StepWords) => {
    const { microBatch } = words;
    const named = chooseRecipe(words);
    if (words.compileUpdate && named.optimizer.name !== "muon")
      throw new UserError("E_OPTION", "--compile-update is Muon's", "Add --set optimizer.name=muon.");
    const size = microBatch ?? named.train.microBatchSequences;
    await benchStep(
      {
        recipe: replaceTraining(named, { microBatchSequences: size }, "--micro-batch"),
        threads: words.threads,
        rounds: words.rounds,
        quietSeconds: words.quiet,
        pythons: words.peer === undefined ? [] : words.python,
        peerPrecisions: words.precision,
        compile: words.compile,
        compileUpdate: words.compileUpdate,
      },
      await open(words),
    );
  });

interface FinetuneWords extends TurnOptions, RecipeOptions {
  readonly batches: number;
  readonly peer?: string;
  readonly python: string[];
  readonly precision: Precision[];
}

addRecipeOptions(addTurns(addBenchmark("finetune", "steps of finetuning a classifier")), "crammed-bert-small")
  .option("--batches <number>", "of 16 texts, in one pass", readCount, 16)
  .addOption(new Option("--peer <name>", "beside PyTorch").choices(["torch"]))
  .option("--python <paths>", "Python with torch, or several with commas", readList, ["/usr/bin/python3"])
  .option("--precision <names>", "of the peer: f32, bf16 or both", readChoices(["f32", "bf16"]), ["f32", "bf16"])
  .addHelpText(
    "after",
    "\nThe model and our precision are the recipe's: --set train.precision=f32. The rest is recipes/glue.ts.",
  )
  .action(async (words: FinetuneWords) => {
    const { model, train } = chooseRecipe(words);
    await benchFinetune(
      {
        model,
        recipe: { ...glue, pooler: "mean", precision: train.precision },
        batches: words.batches,
        threads: words.threads,
        rounds: words.rounds,
        quietSeconds: words.quiet,
        pythons: words.peer === undefined ? [] : words.python,
        peerPrecisions: words.precision,
      },
      await open(words),
    );
  });

interface ScoringWords extends TurnOptions {
  readonly texts: string;
  readonly most: number;
  readonly scored: number;
  readonly peer: ScoringPeer[];
  readonly python: string;
}

addTurns(addBenchmark("scoring", "pseudo-log-likelihoods and vectors of an exported model"))
  .argument("<export>", "a folder that cram export wrote")
  .requiredOption("--texts <file>", "one text a line")
  .option("--most <number>", "of the texts", readCount, 10_000)
  .option("--scored <number>", "of these, whose likelihood is asked", readCount, 200)
  .option("--peer <names>", scoringPeers.join(", "), readChoices(scoringPeers), [...scoringPeers])
  .option("--python <path>", "Python with onnxruntime, torch and transformers", "/usr/bin/python3")
  .action(async (folder: string, { texts, most, peer, quiet, ...words }: ScoringWords) => {
    const lines = readFileSync(texts, "utf8")
      .split("\n")
      .filter(line => line.trim() !== "");
    await benchScoring(
      { ...words, folder, texts: lines.slice(0, most), peers: peer, quietSeconds: quiet },
      await open(words),
    );
  });

interface MatmulWords extends TurnOptions {
  readonly shapes: string[];
  readonly peer: ProductPeer[];
  readonly python: string;
  readonly precision: ProductPrecision[];
}

/** Recipes whose products `--shapes` names. */
const shapeRecipes: Readonly<Record<string, Recipe>> = { model: crammedBert, small: crammedBertSmall };

function readShapes(shape: string): Product[] {
  const recipe = shapeRecipes[shape];
  if (recipe !== undefined) return listProducts(recipe);
  const sizes = shape.split("x").map(readCount);
  const [m, n, k] = sizes as [number, number, number];
  if (sizes.length === 3) return [{ name: "plain", m, n, k, transposeA: false, transposeB: false }];
  throw new UserError("E_OPTION", `--shapes ${shape}`, "Give model, small, or MxNxK, or several with commas.");
}

addTurns(addBenchmark("matmul", "the matrix products of a training step"))
  .option("--shapes <names>", "model (crammed-bert), small (crammed-bert-small), MxNxK", readList, ["model", "small"])
  .option("--peer <names>", "of openblas (f32), onednn and torch", readChoices(productPeers), ["openblas", "onednn"])
  .option("--precision <names>", "of f32, bf16, cast (f32 in memory)", readChoices(productPrecisions), [
    ...productPrecisions,
  ])
  .option("--python <path>", "Python with torch", "/usr/bin/python3")
  .action(async (words: MatmulWords) =>
    benchMatmul(
      {
        products: words.shapes.flatMap(readShapes),
        precisions: words.precision,
        peers: words.peer,
        python: words.python,
        threads: words.threads,
        rounds: words.rounds,
        quietSeconds: words.quiet,
      },
      await open(words),
    ),
  );

addRecipeOptions(addBenchmark("share", "steps beside busy processes, and their fair share"), "quickstart")
  .option("--threads <number>", "of ours", readCount, 2)
  .option("--busy <numbers>", "of busy processes, with commas", text => readList(text).map(readCount), [1, 2, 4])
  .action(async (words: CommonOptions & RecipeOptions & { threads: number; busy: number[] }) =>
    benchShare(
      { recipe: chooseRecipe(words), threads: words.threads, rounds: words.rounds, busy: words.busy },
      await open(words),
    ),
  );

interface RanksWords extends TurnOptions, RecipeOptions {
  readonly ranks: number;
  readonly batch?: number;
}

addRecipeOptions(addTurns(addBenchmark("ranks", "steps of several ranks beside one process")), "crammed-bert-small")
  .option("--ranks <number>", "that share the threads", readCount, 2)
  .option("--batch <sequences>", "of a step, on all ranks together; the recipe's unless given", readCount)
  .action(async (words: RanksWords) => {
    const recipe = chooseRecipe(words);
    const { threads, ranks, rounds, quiet, batch = recipe.schedule.batchSequences } = words;
    const microBatches = Math.ceil(batch / recipe.train.microBatchSequences);
    await benchRanks({ recipe, threads, ranks, microBatches, rounds, quietSeconds: quiet }, await open(words));
  });

const wayNames = Object.keys(ways) as Way[];
program
  .command("faults")
  .description("what is left of ranks that train when one of them, or what they stand on, fails; needs root")
  .option("--only <text>", "faults whose name has it")
  .option("--library <names>", libraries.join(", "), readChoices(libraries), [...libraries])
  .option("--ways <names>", wayNames.join(", "), readChoices(wayNames), wayNames)
  .option("--json", "one line of JSON a case", false)
  .option("--show <file>", "try nothing, and make the table of such lines")
  .action(async (words: { only?: string; library: MpiName[]; ways: Way[]; json: boolean; show?: string }) => {
    const reporter = createReporter(words.json);
    if (words.show !== undefined) return showFaults(words.show, reporter);
    await benchFaults({ libraries: words.library, ways: words.ways, names: chooseFaults(words.only) }, reporter);
  });

interface SyncWords extends RecipeOptions {
  readonly data: string;
  readonly seconds: number;
  readonly every: number;
  readonly seeds: number;
  readonly megabits: number;
  readonly json: boolean;
}

addRecipeOptions(program.command("sync"), "quickstart")
  .description("local steps beside a sum every step, for the same time on a slow network; needs root and Open MPI")
  .requiredOption("--data <folder>", "a dataset")
  .option("--seconds <number>", "of each training", readCount, 50)
  .option("--every <steps>", "local steps between two outer ones", readCount, 20)
  .option("--seeds <number>", "of each", readCount, 3)
  .option("--megabits <number>", "a second, each way", readCount, 100)
  .option("--json", "one line of JSON a training", false)
  .action(async ({ data, recipe, set, seconds, every, seeds, megabits, json }: SyncWords) =>
    benchSync({ data, recipe, set, seconds, everySteps: every, seeds, megabits }, createReporter(json)),
  );

interface TokenizerWords extends CommonOptions {
  readonly file: string[];
  readonly vocabulary: number;
  readonly kind: TokenizerKindName[];
  readonly prepare: boolean;
  readonly quiet: number;
}

addBenchmark("tokenizer", "text to ids, beside Hugging Face's tokenizers")
  .requiredOption("--file <paths>", "one .jsonl or .jsonl.gz with a field text, or several with commas", readList)
  .option("--vocabulary <tokens>", "of the tokenizers that are learned from it", readCount, 32_768)
  .option(
    "--kind <names>",
    "of wordpiece, bpe, unigram, wordlevel",
    readChoices(tokenizerKinds.map(({ name }) => name)),
    ["wordpiece", "bpe", "unigram"],
  )
  .option("--prepare", "prepare the files as well, by one thread and by two", false)
  .option("--quiet <seconds>", "wait so long for other programs to rest", readCount, 0)
  .action(async (words: TokenizerWords) =>
    benchTokenizer(
      {
        ...{ files: words.file, vocabulary: words.vocabulary, kinds: words.kind, prepares: words.prepare },
        ...{ rounds: words.rounds, secondsPerTurn: 1, quietSeconds: words.quiet },
      },
      await open(words),
    ),
  );

program
  .command("corpus")
  .description("deduplication of a corpus made of a little text by repetition with edits")
  .requiredOption("--file <paths>", ".jsonl or .jsonl.gz with a field text, with commas", readList)
  .option("--megabytes <number>", "of the corpus", readCount, 200)
  .option("--words-per-edit <number>", "of so many words one is replaced", readCount, 10)
  .option("--steps <names>", deduplications.join(", "), readChoices(deduplications), [...deduplications])
  .option("--memory <mebibytes>", "of one step", readCount, 256)
  .option("--folder <path>", "where the corpus is made, and found again")
  .option("--json", "one line of JSON a case", false)
  .action(async (words: CorpusWords) =>
    benchDeduplication(
      {
        ...{ files: words.file, bytes: 1e6 * words.megabytes, wordsPerEdit: words.wordsPerEdit },
        ...{ steps: words.steps, memoryBytes: 2 ** 20 * words.memory, folder: words.folder },
      },
      await open(words),
    ),
  );

interface MemoryWords extends Pick<CorpusWords, "file" | "wordsPerEdit" | "memory" | "folder" | "json"> {
  readonly megabytes: number[];
  readonly repeated: number;
  readonly threads: number;
}

program
  .command("memory")
  .description("what a whole preparation that cuts repeated text holds at most, of corpora of several sizes")
  .requiredOption("--file <paths>", ".jsonl or .jsonl.gz with a field text, with commas", readList)
  .option("--megabytes <numbers>", "of each corpus, with commas", text => readList(text).map(readCount), [500, 2000])
  .option("--words-per-edit <number>", "of so many words one is replaced", readCount, 100)
  .option("--repeated <bytes>", "from which on text that stood before is cut", readCount, 100)
  .option("--threads <number>", "of the preparation", readCount, 1)
  .option("--memory <mebibytes>", "that the preparation may hold, about", readCount, 1024)
  .option("--folder <path>", "where the corpora are made, and found again")
  .option("--json", "one line of JSON a case", false)
  .action(async (words: MemoryWords) =>
    benchMemory(
      {
        ...{ files: words.file, megabytes: words.megabytes, wordsPerEdit: words.wordsPerEdit },
        ...{ repeatedBytes: words.repeated, threads: words.threads, memoryBytes: 2 ** 20 * words.memory },
        folder: words.folder,
      },
      await open(words),
    ),
  );

program
  .command("filter")
  .description("what the filter by compressibility takes of texts")
  .requiredOption("--file <paths>", ".jsonl or .jsonl.gz with a field text, with commas", readList)
  .option("--vocabulary <tokens>", "of the tokenizer that is learned of all of them", readCount, 32_768)
  .option(
    "--thresholds <numbers>",
    "tokens a character, with commas",
    text => readList(text).map(Number),
    [0.2, 0.25, 0.3, 0.35],
  )
  .option("--json", "one line of JSON a case", false)
  .action((words: { file: string[]; vocabulary: number; thresholds: number[]; json: boolean }) =>
    benchCompressibility({ ...words, files: words.file }, createReporter(words.json)),
  );

program
  .command("planted")
  .description("which duplicates deduplication finds that were planted, and what else it takes")
  .requiredOption("--file <paths>", ".jsonl or .jsonl.gz with a field text, with commas", readList)
  .option("--count <number>", "of each kind", readCount, 400)
  .option("--json", "one line of JSON a case", false)
  .action((words: { file: string[]; count: number; json: boolean }) =>
    benchPlanted({ ...words, files: words.file }, createReporter(words.json)),
  );

addBenchmark("peak", "what the machine can do at most")
  .option("--threads <numbers>", "of threads, with commas; one and all unless given", text =>
    readList(text).map(readCount),
  )
  .action(async (words: CommonOptions & { threads?: number[] }) =>
    benchPeak({ rounds: words.rounds, threads: words.threads }, await open(words)),
  );

program
  .command("analysis")
  .description("write docs/ANALYSIS.md: the paper's findings beside what sweeps gave")
  .action(() => {
    const root = join(import.meta.dirname, "../..");
    const [results, laws] = [readResults(join(root, "records/analysis")), readLaws(join(root, "records/scaling"))];
    writeFileSync(join(root, "docs/ANALYSIS.md"), writeAnalysis(findings, results, laws));
  });

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode;
  } else if (error instanceof UserError) {
    process.stderr.write(`${error.code} ${error.message}\n  ${error.advice}\n`);
    process.exitCode = 1;
  } else {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exitCode = 2;
  }
}
