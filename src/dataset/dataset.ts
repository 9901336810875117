// A dataset opened for training: sequences in an order and with masks that depend on (seed, position in the run) alone, so a
// resumed run reads what an uninterrupted one would have read. Held-out sequences and their masks are the same for every run.

import { join } from "node:path";
import { UserError } from "../base/errors.ts";
import { KeptHashes } from "../base/files/kept-hashes.ts";
import { RandomSequence, streams } from "../base/random.ts";
import { countCharacters } from "../tokenizer/encoding/decode.ts";
import { type ContinuesWord, tellWords } from "../tokenizer/encoding/word-starts.ts";
import { readTokenizer } from "../tokenizer/read-tokenizer.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { cutPassages, echoPassages } from "./echo.ts";
import { countOnce } from "./kept-counts.ts";
import { type DatasetManifest, readManifest } from "./manifest.ts";
import { type MaskOptions, maskSequence } from "./mask.ts";
import { type MaskSettings, plainMask } from "./mask-units.ts";
import { type EpochOrder, type OrderSettings, rankSequences, uniformOrder } from "./order.ts";
import { ShardReader } from "./shards.ts";

/** B sequences of S tokens with k predictions each. */
export interface MaskedBatch {
  /** (B·S), masked. */
  readonly tokens: Int32Array;
  /** (B·k): places in `tokens`, ascending. */
  readonly positions: Int32Array;
  /** (B·k): the tokens that stood there; -1 for none. */
  readonly labels: Int32Array;
  /** (B·S): which document of its sequence each token is of, from 0, where that is asked for. */
  readonly documents?: Int32Array;
}

const validationSeed = 0;

/** How a batch is masked where not every sequence has exactly `predictions` tokens of any kind, 80/10/10. */
export interface BatchMask {
  readonly settings: MaskSettings;
  /** Places for predictions of each sequence; default: as many as are predicted. */
  readonly capacity?: number;
  /** Whether the batch has `documents`. */
  readonly separatesDocuments?: boolean;
  /** Share of the training sequences whose passages stand beside copies of themselves. */
  readonly echo?: number | undefined;
  /** Share of the others that are cut into passages which stand alone. */
  readonly passages?: number | undefined;
}

/** Told after each shard that was compared, of all that there are. */
export type OnShard = (done: number, total: number) => void;

/** An open dataset; owns file handles and the order of one epoch, 4 bytes a sequence and as many again where it is ranked. */
export class Dataset {
  readonly manifest: DatasetManifest;
  readonly tokenizer: Tokenizer;
  readonly folder: string;
  private readonly training: ShardReader;
  private readonly validation: ShardReader;
  private order: Uint32Array | undefined;
  private orderOf = "";
  private arrangement: EpochOrder;
  private counts: Float64Array | undefined;
  private isVerified = false;
  private readonly special: ReadonlySet<number>;
  private readonly continuesWord: ContinuesWord | undefined;

  /** Opens a folder that `buildDataset` made. UserErrors: those of manifest, tokenizer and shards, E_TOKENIZER_OTHER. */
  constructor(folder: string) {
    this.folder = folder;
    this.manifest = readManifest(folder);
    const { sequenceLength, tokenizerHash, vocabulary } = this.manifest;
    const path = join(folder, "tokenizer.json");
    this.tokenizer = readTokenizer(path);
    if (this.tokenizer.hash !== tokenizerHash) {
      throw new UserError(
        "E_TOKENIZER_OTHER",
        `${path}: this tokenizer (${this.tokenizer.hash}) is not the one the shards were made with (${tokenizerHash})`,
        "Put the dataset's own tokenizer back, or prepare the dataset again.",
      );
    }
    if (this.tokenizer.vocabulary.length !== vocabulary) {
      throw new UserError(
        "E_DATASET_MANIFEST",
        `${join(folder, "manifest.json")}: a vocabulary of ${vocabulary}, and its tokenizer has ${this.tokenizer.vocabulary.length}`,
        "Prepare the dataset again, or name its folder.",
      );
    }
    const { specialTokens, vocabulary: texts } = this.tokenizer;
    this.continuesWord = tellWords(this.tokenizer);
    this.special = new Set(specialTokens.map(token => texts.indexOf(token)));
    this.training = new ShardReader(folder, this.manifest.training.files, sequenceLength, vocabulary);
    this.validation = new ShardReader(folder, this.manifest.validation.files, sequenceLength, vocabulary);
    this.arrangement = uniformOrder(this.training.sequences);
  }

  /** Has training read in this order from now on; reads all of the training part, once or twice. UserErrors: E_DATA_ORDER, E_SHARD_CUT. */
  arrange(settings: OrderSettings): void {
    const { specials, vocabulary } = this.tokenizer;
    const visit = (see: (tokens: Uint32Array, index: number) => void) => this.training.visit(see);
    const ranked = {
      ...{ vocabulary, countTokens: () => this.countTokens(), separator: specials.separator },
      characters: countCharacters(this.tokenizer),
    };
    this.arrangement = rankSequences(settings, this.training.sequences, ranked, visit);
    this.orderOf = "";
  }

  /**
   * How often each token occurs in the training part; the same array each time. All of it is read the first time, unless shards were compared
   * with their hashes, and the cache has the counts. UserErrors: E_SHARD_CUT, E_CACHE.
   */
  countTokens(): Float64Array {
    const { hash, vocabulary } = this.manifest;
    this.counts ??= this.isVerified ? countOnce(hash, vocabulary, () => this.countTraining()) : this.countTraining();
    return this.counts;
  }

  private countTraining(): Float64Array {
    const counts = new Float64Array(this.manifest.vocabulary);
    this.training.visit(tokens => {
      for (let i = 0; i < tokens.length; i++) counts[tokens[i]!]! += 1;
    });
    return counts;
  }

  /** Shows every sequence of a part in turn, in an array that is reused. UserError E_SHARD_CUT. */
  visit(part: "training" | "validation", see: (tokens: Uint32Array, index: number) => void): void {
    this[part].visit(see);
  }

  /** Whether tokens tell where a word begins. */
  get tellsWords(): boolean {
    return this.continuesWord !== undefined;
  }

  /** Whether a token stands for no text. */
  isSpecial(token: number): boolean {
    return this.special.has(token);
  }

  /** Compares every shard with its hash, all of them read. UserError E_SHARD_CHANGED. */
  verify(onShard?: OnShard): void {
    this.verifyShards(true, onShard);
  }

  /** The same without reading shards that are as they were when they were read before, by their size and times. */
  verifyChanged(onShard?: OnShard): void {
    this.verifyShards(false, onShard);
  }

  /** The training batch at a position of the run: sequences `first` to `first + count`, epochs in one count. */
  readTraining(
    first: number,
    count: number,
    predictions: number,
    seed: number,
    mask: BatchMask = { settings: plainMask },
  ): MaskedBatch {
    return this.readBatch(count, predictions, mask, (i, tokens, start) => {
      const position = first + i;
      this.training.read(this.sequenceAt(position, seed), tokens, start);
      this.rewrite(mask, tokens, start, new RandomSequence(seed, streams.echo, position));
      return new RandomSequence(seed, streams.masking, position);
    });
  }

  /** Held-out sequences `first` to `first + count`, from the beginning again after the last one. */
  readValidation(first: number, count: number, predictions: number, separatesDocuments = false): MaskedBatch {
    return this.readBatch(count, predictions, { settings: plainMask, separatesDocuments }, (i, tokens, start) => {
      const index = (first + i) % this.validation.sequences;
      this.validation.read(index, tokens, start);
      return new RandomSequence(validationSeed, streams.validationMasking, index);
    });
  }

  /** Entropy in nats of the token frequencies of the first `sequences` held-out sequences, of themselves. */
  measureUnigramEntropy(sequences: number): number {
    const { sequenceLength, vocabulary } = this.manifest;
    const counts = new Float64Array(vocabulary);
    const tokens = new Int32Array(sequenceLength);
    for (let index = 0; index < sequences; index++) {
      this.validation.read(index, tokens, 0);
      for (const token of tokens) counts[token]! += 1;
    }
    const total = sequences * sequenceLength;
    return counts.reduce((sum, times) => (times > 0 ? sum - (times / total) * Math.log(times / total) : sum), 0);
  }

  close(): void {
    this.training.close();
    this.validation.close();
  }

  private verifyShards(reread: boolean, onShard: OnShard = () => {}): void {
    const kept = new KeptHashes(this.folder);
    const { training, validation } = this.manifest;
    const total = training.files.length + validation.files.length;
    let done = 0;
    const hash = (name: string): string => {
      const seen = kept.hash(name, reread);
      onShard(++done, total);
      return seen;
    };
    // A hash that was kept may be what is damaged: the file itself says it.
    const again = (name: string): string => kept.hash(name, true);
    for (const shards of [this.training, this.validation]) shards.verify(hash, again);
    this.isVerified = true;
    kept.save();
  }

  private sequenceAt(position: number, seed: number): number {
    const { sequences } = this.training;
    const epoch = Math.floor(position / sequences);
    const key = `${seed} ${epoch}`;
    if (this.order === undefined || this.orderOf !== key) {
      this.order = this.arrangement(seed, epoch);
      this.orderOf = key;
    }
    return this.order[position % sequences]!;
  }

  private rewrite({ echo = 0, passages = 0 }: BatchMask, tokens: Int32Array, start: number, random: RandomSequence) {
    if (echo + passages === 0) return;
    const drawn = random.uniform();
    if (drawn >= echo + (1 - echo) * passages) return;
    const write = drawn < echo ? echoPassages : cutPassages;
    const { separator } = this.tokenizer.specials;
    write(tokens, start, this.manifest.sequenceLength, separator, this.continuesWord ?? (() => false), random);
  }

  private readBatch(
    count: number,
    predictions: number,
    { settings, capacity = predictions, separatesDocuments = false }: BatchMask,
    readSequence: (i: number, tokens: Int32Array, start: number) => RandomSequence,
  ): MaskedBatch {
    const { sequenceLength: S, vocabulary } = this.manifest;
    const { specials } = this.tokenizer;
    const options: MaskOptions = {
      ...{ predictions, capacity, vocabulary, settings },
      mask: specials.mask,
      isSpecial: token => this.isSpecial(token),
      continuesWord: this.continuesWord ?? (() => false),
    };
    const tokens = new Int32Array(count * S);
    const positions = new Int32Array(count * capacity);
    const labels = new Int32Array(count * capacity);
    const documents = separatesDocuments ? new Int32Array(count * S) : undefined;
    for (let i = 0; i < count; i++) {
      const random = readSequence(i, tokens, i * S);
      if (documents !== undefined) countDocuments(tokens, specials.separator, i * S, S, documents);
      maskSequence(tokens, i * S, S, positions, labels, i * capacity, options, random);
    }
    return { tokens, positions, labels, ...(documents !== undefined && { documents }) };
  }
}

/** Which document of its sequence each token is of: a separator is the last token of one. */
function countDocuments(tokens: Int32Array, separator: number, start: number, length: number, documents: Int32Array) {
  for (let at = start + 1; at < start + length; at++) {
    documents[at] = documents[at - 1]! + (tokens[at - 1] === separator ? 1 : 0);
  }
}
