// The texts of finished portions as the one corpus that they are: any place of them can be read. Some 20 bytes a document are held;
// the rest lies in the portions' files.

import { closeSync, readSync } from "node:fs";
import { openForReading } from "../../base/files/files.ts";
import { SeenTexts } from "../deduplication/equal-texts.ts";
import { signatureWords } from "../deduplication/signatures.ts";
import type { SignedTexts } from "../deduplication/text-places.ts";
import { type PortionFile, type PortionSummary, portionFile } from "./portion.ts";
import { type DocumentRecord, readRecords } from "./record.ts";

interface PlacedPortion {
  readonly firstText: number;
  readonly firstByte: number;
}

/** Told of a document that is equal to one of an earlier portion, with its number among the texts where its own had kept it. */
export type OnEqual = (record: DocumentRecord, text: number | undefined) => void;

/** Of texts that are read one behind the other. */
const bytesAtOnce = 1 << 20;
/** Files that are open at a time: a system allows some hundreds. */
const mostHandles = 128;

/** Open portions; owns their handles. */
export class PortionTexts implements SignedTexts {
  readonly textCount: number;
  readonly byteLength: number;
  /** The files that documents are from, all portions' in their order. */
  readonly sources: readonly string[];
  private readonly starts: Float64Array;
  private readonly origins: Uint32Array;
  private readonly dropped: Uint8Array;
  private readonly folder: string;
  private readonly summaries: readonly PortionSummary[];
  /** Whether the texts are lines of the documents format. */
  readonly asLines: boolean;
  private ahead: Buffer = Buffer.alloc(0);
  private aheadFrom = 0;
  private readonly portions: PlacedPortion[] = [];
  private readonly handles = new Map<number, number>();

  /**
   * Opens the portions of a folder and drops what is equal to a document of an earlier one. UserErrors: E_FILE_MISSING,
   * E_FILE_UNREADABLE.
   */
  constructor(folder: string, summaries: readonly PortionSummary[], memoryBytes: number, onEqual: OnEqual) {
    this.folder = folder;
    this.summaries = summaries;
    this.asLines = summaries.every(({ asLines }) => asLines);
    this.textCount = summaries.reduce((sum, { kept }) => sum + kept, 0);
    this.byteLength = summaries.reduce((sum, { bytes }) => sum + bytes, 0);
    this.starts = new Float64Array(this.textCount + 1);
    this.origins = new Uint32Array(this.textCount);
    this.dropped = new Uint8Array(this.textCount);
    this.sources = summaries.flatMap(({ shards }) => shards.map(({ path }) => path));
    let [firstText, firstByte] = [0, 0];
    for (const { kept, bytes } of summaries) {
      this.portions.push({ firstText, firstByte });
      firstText += kept;
      firstByte += bytes;
    }
    this.dropEqual(folder, summaries, memoryBytes, onEqual);
  }

  startOf(text: number): number {
    return this.starts[text]!;
  }

  readText(text: number): Buffer {
    const from = this.starts[text]!;
    const stored = this.read(from, this.starts[text + 1]! - 1 - from);
    return this.asLines ? readLine(stored) : stored;
  }

  /** A text as it lies in its portion, with its end, for who reads one behind the other; it holds as long as somebody wants it. */
  readStored(text: number): Buffer {
    const [from, to] = [this.starts[text]!, this.starts[text + 1]!];
    if (from < this.aheadFrom || to > this.aheadFrom + this.ahead.length) {
      this.ahead = this.read(from, Math.max(to - from, bytesAtOnce));
      this.aheadFrom = from;
    }
    return this.ahead.subarray(from - this.aheadFrom, to - this.aheadFrom);
  }

  /** What is known of the texts, one after another. UserErrors: E_FILE_MISSING, E_FILE_UNREADABLE. */
  *readRecords(): Generator<DocumentRecord> {
    for (const [index, { records }] of this.summaries.entries()) {
      for (const record of readRecords(portionFile(this.folder, index, "records"), records)) {
        if (record.verdict === "kept") yield record;
      }
    }
  }

  read(from: number, length: number, into: Buffer = Buffer.allocUnsafe(length)): Buffer {
    let done = 0;
    const first = findLast(this.portions, ({ firstByte }) => firstByte <= from);
    for (let number = first; number < this.portions.length && done < length; number++) {
      const { firstByte } = this.portions[number]!;
      const texts = this.open(number, "texts");
      while (done < length) {
        const count = readSync(texts, into, done, length - done, from + done - firstByte);
        if (count === 0) break;
        done += count;
      }
    }
    return into.subarray(0, done);
  }

  readSignature(text: number, into: Uint32Array): void {
    const number = findLast(this.portions, ({ firstText }) => firstText <= text);
    const bytes = new Uint8Array(into.buffer, into.byteOffset, 4 * signatureWords);
    const place = (text - this.portions[number]!.firstText) * bytes.length;
    readSync(this.open(number, "signatures"), bytes, 0, bytes.length, place);
  }

  isDropped(text: number): boolean {
    return this.dropped[text] === 1;
  }

  drop(text: number): void {
    this.dropped[text] = 1;
  }

  /** A byte a text: 1, or 0 of one that is dropped. */
  listKept(): Uint8Array {
    return this.dropped.map(isDropped => 1 - isDropped);
  }

  /** The file that a text is from. */
  sourceOf(text: number): string {
    return this.sources[this.origins[text]!]!;
  }

  close(): void {
    for (const handle of this.handles.values()) closeSync(handle);
    this.handles.clear();
  }

  private open(number: number, ending: PortionFile): number {
    const key = ending === "texts" ? number : -1 - number;
    const known = this.handles.get(key);
    if (known !== undefined) return known;
    if (this.handles.size >= mostHandles) {
      const [oldest, handle] = this.handles.entries().next().value!;
      closeSync(handle);
      this.handles.delete(oldest);
    }
    const handle = openForReading(portionFile(this.folder, number, ending), "portion");
    this.handles.set(key, handle);
    return handle;
  }

  /** Where memory has no room for the keys of all documents, some of them are gone through at a time. */
  private dropEqual(folder: string, summaries: readonly PortionSummary[], memoryBytes: number, onEqual: OnEqual): void {
    const records = summaries.reduce((sum, { records }) => sum + records, 0);
    const passes = Math.max(1, Math.ceil((32 * records) / memoryBytes));
    for (let pass = 0; pass < passes; pass++) {
      const seen = new SeenTexts();
      let [text, start, firstSource] = [0, 0, 0];
      for (const [index, { shards, records }] of summaries.entries()) {
        for (const record of readRecords(portionFile(folder, index, "records"), records)) {
          const isTurn = record.high % passes === pass;
          const isEqual = isTurn && !seen.add(record);
          if (isEqual) onEqual(record, record.verdict === "kept" ? text : undefined);
          if (record.verdict !== "kept") continue;
          this.starts[text] = start;
          start += record.bytes + 1;
          this.origins[text] = firstSource + record.shard;
          if (isEqual) this.dropped[text] = 1;
          text++;
        }
        firstSource += shards.length;
      }
      this.starts[text] = start;
    }
  }
}

/** The text of a line of the documents format, in UTF-8. */
const readLine = (line: Buffer): Buffer => Buffer.from((JSON.parse(line.toString("utf8")) as { text: string }).text);

/** The last of a list that holds, where those before it do, too: by halving. */
function findLast<Item>(items: readonly Item[], holds: (item: Item) => boolean): number {
  let [first, last] = [0, items.length - 1];
  while (first < last) {
    const middle = (first + last + 1) >> 1;
    if (holds(items[middle]!)) first = middle;
    else last = middle - 1;
  }
  return first;
}
