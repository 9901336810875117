// A look inside a corpus that was prepared: what was kept at each stage, how long documents are, what some of them say. All of it is
// read, and so compared with its hashes; a dataset's shards as well.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../../base/errors.ts";
import { refuseUnseen } from "../../base/files/read-failure.ts";
import { RandomSequence, streams } from "../../base/random.ts";
import { type DocumentsManifest, readDocuments, readDocumentsManifest } from "../../corpus/documents.ts";
import { dropReasons, type Example, sumMixture } from "../../corpus/funnel.ts";
import { type Histogram, SizeCounter } from "../../corpus/histogram.ts";
import { Dataset } from "../../dataset/dataset.ts";
import { readManifest } from "../../dataset/manifest.ts";
import { sequencesPerPiece } from "../../dataset/pack.ts";
import { decodeTokens } from "../../tokenizer/encoding/decode.ts";
import { type OptionKinds, readOptions, requireCount, requireText } from "../given-values.ts";

export interface ShowCorpusOptions {
  /** Documents and sequences to show. Default 3. */
  readonly samples?: number | undefined;
  /** Draws them. Default 0. */
  readonly seed?: number | undefined;
  /** Told what is being read, and the share of it that is done. */
  readonly onProgress?: ((doing: string, share: number) => void) | undefined;
}

/** What a stage took away, and what was left behind it. */
export interface FunnelStage {
  /** "read", a reason, "cut" or "kept"; the last of a mixture is "mixed". */
  readonly stage: string;
  readonly taken: { readonly documents: number; readonly characters: number };
  readonly left: { readonly documents: number; readonly characters: number };
  /** Of what is left; of the last stage counted, of those before as many a character as there. Undefined without a dataset. */
  readonly tokens: number | undefined;
}

export interface CorpusView {
  readonly folder: string;
  /** Files that gave documents. */
  readonly sources: number;
  readonly funnel: readonly FunnelStage[];
  /** Of documents, in characters as `string.length` counts. */
  readonly characters: Histogram;
  /** Documents drawn at random. */
  readonly kept: readonly string[];
  /** Documents and stretches that were taken away, drawn at random. */
  readonly dropped: readonly Omit<Example, "draw">[];
  readonly dataset: DatasetView | undefined;
}

export interface DatasetView {
  readonly sequenceLength: number;
  readonly vocabulary: number;
  readonly training: number;
  readonly validation: number;
  readonly unknownTokens: number | undefined;
  /** Of the documents of the training part, in tokens; one that is split counts once for each stretch between those that are held out. */
  readonly tokens: Histogram;
  /** Tokens from which on a document may be split. */
  readonly mostWhole: number;
  /** Of the entries of the vocabulary: how often each stands in the training part. */
  readonly uses: Histogram;
  readonly frequent: readonly { readonly token: string; readonly count: number }[];
  /** Sequences of the training part drawn at random, decoded. */
  readonly sequences: readonly string[];
}

const optionKinds: OptionKinds<ShowCorpusOptions> = { samples: "number", seed: "number", onProgress: "function" };

const frequentTokens = 20;

/**
 * Looks into a dataset or a folder of documents. UserErrors: E_FILE_MISSING where neither is, and those of reading them, as
 * E_DOCUMENTS_CHANGED.
 */
export async function showCorpus(folder: string, options: ShowCorpusOptions = {}): Promise<CorpusView> {
  const { samples = 3, seed = 0, onProgress = () => {} } = readOptions("showCorpus", options, optionKinds);
  requireCorpusFolder("showCorpus", folder);
  requireCount(samples, "samples", 0);
  requireCount(seed, "seed", 0);
  const { documents: documentsFolder, isDataset } = findCorpus(folder);
  const manifest = readDocumentsManifest(documentsFolder);
  const characters = new SizeCounter();
  const kept = new Sample<string>(samples, seed, 0);
  let read = 0;
  for await (const text of readDocuments(documentsFolder)) {
    characters.add(text.length);
    kept.offer(() => text);
    if (++read % 1024 === 0) onProgress("reading documents", read / manifest.documents);
  }
  const dataset = isDataset ? viewDataset(folder, samples, seed, onProgress) : undefined;
  const tokens = isDataset ? readManifest(folder).text?.tokens : undefined;
  return {
    folder,
    sources: manifest.sources.length,
    funnel: listStages(manifest, tokens),
    characters: characters.summarise(),
    kept: kept.items,
    dropped: manifest.funnel.examples.map(({ reason, source, text }) => ({ reason, source, text })),
    dataset,
  };
}

/** The folder of a corpus that a call reads. UserError E_OPTION. */
export const requireCorpusFolder = (call: string, folder: unknown) =>
  requireText(call, folder, "folder", "Give the path of a dataset, or of its documents.");

/** Where the documents of a folder are, and whether a dataset is there. UserError E_FILE_MISSING. */
export function findCorpus(folder: string): { readonly documents: string; readonly isDataset: boolean } {
  const inside = join(folder, "documents");
  if (existsSync(join(folder, "tokenizer.json")) || existsSync(join(inside, "manifest.json"))) {
    readManifest(folder); // says what is wrong with it
    return { documents: inside, isDataset: true };
  }
  const names = ["manifest.json", "documents-00000.jsonl"];
  if (names.some(name => existsSync(join(folder, name)))) return { documents: folder, isDataset: false };
  refuseUnseen(folder, "corpus");
  throw new UserError(
    "E_FILE_MISSING",
    `${folder}: no corpus here`,
    "Give a folder that cram prepare made, or the documents in it.",
  );
}

function listStages({ funnel, characters }: DocumentsManifest, tokens: number | undefined): FunnelStage[] {
  const rate = tokens === undefined ? undefined : tokens / characters;
  let left = funnel.read;
  const nothing = { documents: 0, characters: 0 };
  const stand = (stage: string, taken: FunnelStage["taken"], amount: FunnelStage["left"]): FunnelStage => {
    left = amount;
    return { stage, taken, left, tokens: rate === undefined ? undefined : Math.round(rate * left.characters) };
  };
  const stage = (name: string, taken: FunnelStage["taken"], documents = taken.documents) =>
    stand(name, taken, { documents: left.documents - documents, characters: left.characters - taken.characters });
  const taken = dropReasons.map(reason => [reason, funnel.dropped[reason]] as const);
  const mixed = sumMixture(funnel);
  return [
    stage("read", nothing),
    ...taken.filter(([, amount]) => amount.documents > 0).map(([reason, amount]) => stage(reason, amount)),
    // Documents that something was cut out of stay.
    ...(funnel.cut.documents > 0 ? [stage("cut", funnel.cut, 0)] : []),
    stage("kept", nothing),
    ...(mixed === undefined ? [] : [stand("mixed", nothing, mixed)]),
  ];
}

function viewDataset(
  folder: string,
  samples: number,
  seed: number,
  onProgress: (doing: string, share: number) => void,
): DatasetView {
  const dataset = new Dataset(folder);
  try {
    dataset.verify();
    const { tokenizer, manifest } = dataset;
    const { separator } = tokenizer.specials;
    const lengths = new SizeCounter();
    const counts = new Float64Array(tokenizer.vocabulary.length);
    const sequences = new Sample<Uint32Array>(samples, seed, 1);
    let length = 0;
    dataset.visit("training", (tokens, index) => {
      for (const token of tokens) {
        counts[token]! += 1;
        if (token !== separator) length++;
        else {
          lengths.add(length);
          length = 0;
        }
      }
      sequences.offer(() => Uint32Array.from(tokens));
      if (index % 8192 === 0) onProgress("reading sequences", index / manifest.training.sequences);
    });
    const uses = new SizeCounter();
    for (const count of counts) uses.add(count);
    const byCount = Uint32Array.from(counts.keys()).sort((a, b) => counts[b]! - counts[a]! || a - b);
    return {
      sequenceLength: manifest.sequenceLength,
      vocabulary: manifest.vocabulary,
      training: manifest.training.sequences,
      validation: manifest.validation.sequences,
      unknownTokens: manifest.text?.unknownTokens,
      tokens: lengths.summarise(),
      mostWhole: sequencesPerPiece * manifest.sequenceLength,
      uses: uses.summarise(),
      frequent: Array.from(byCount.subarray(0, frequentTokens), id => ({
        token: tokenizer.vocabulary[id]!,
        count: counts[id]!,
      })).filter(({ count }) => count > 0),
      sequences: sequences.items.map(tokens => decodeTokens(tokenizer, tokens)),
    };
  } finally {
    dataset.close();
  }
}

/** Some of a stream, each subset of that size equally likely (Vitter 1985, algorithm R). */
class Sample<Item> {
  readonly items: Item[] = [];
  private seen = 0;
  private readonly size: number;
  private readonly random: RandomSequence;

  constructor(size: number, seed: number, index: number) {
    this.size = size;
    this.random = new RandomSequence(seed, streams.sampling, index);
  }

  offer(make: () => Item): void {
    this.seen++;
    if (this.items.length < this.size) this.items.push(make());
    else {
      const place = this.random.below(this.seen);
      if (place < this.size) this.items[place] = make();
    }
  }
}

/** What the tokens of its documents are counted of, in words. A text has hardly more tokens than characters. */
export function describeLengths({ tokens, mostWhole }: DatasetView, characters: Histogram): string {
  if (Math.max(tokens.most, characters.most) <= mostWhole) return "tokens of a document, in the training part";
  return `tokens of a document, in the training part (one of more than ${mostWhole.toLocaleString("en-US")} is counted in stretches, between those that are held out)`;
}
