// The ids of a corpus. Where its texts were encoded when they were read, they lie in the portions, and which of these texts are documents
// is kept beside them. Else they are kept in a file for each file of documents, so that what was encoded once is not encoded again: a batch
// is three words of 32 bits, its documents, its ids and how many of them are unknown, then the lengths of the documents, then the ids.

import { closeSync, readSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { openForReading, readWholeFile } from "../../../base/files/files.ts";
import { reading } from "../../../base/files/read-failure.ts";
import { HashedFile, isSealed, sealFile } from "../../../base/files/sealed-file.ts";
import { readDocumentsFile, readDocumentsManifest } from "../../../corpus/documents.ts";
import { type PortionSummary, portionFile } from "../../../corpus/portions/portion.ts";
import { readRecords } from "../../../corpus/portions/record.ts";
import { readFile } from "../../../tables/bytes.ts";
import type { EncodedDocuments } from "../../../tokenizer/encoding/encode-batch.ts";
import { encodeDocuments } from "../../../tokenizer/encoding/encode-threads.ts";
import { type Ids, makeIds } from "../../../tokenizer/encoding/id-list.ts";
import type { Tokenizer } from "../../../tokenizer/tokenizer.ts";

const choiceOf = (work: string): string => join(work, "documents.chosen");
const idsOfBatch = 1 << 18;
/** Of a batch in a file. */
const headBytes = 12;

/** Keeps which of the portions' texts are documents: a byte a text. UserErrors: E_DISK_FULL, E_NOT_WRITABLE. */
export function keepChoice(work: string, isDocument: Uint8Array): void {
  const file = new HashedFile(choiceOf(work));
  try {
    file.add(isDocument);
    sealFile(choiceOf(work), file.commit());
  } finally {
    file.abandon();
  }
}

/**
 * Encodes the documents of a folder in their order, or reads what portions have of them. UserErrors: those of reading them, E_DISK_FULL.
 */
export async function* encodeFiles(
  work: string,
  documentsFolder: string,
  summaries: readonly PortionSummary[],
  tokenizer: Tokenizer,
  threads: number,
): AsyncGenerator<EncodedDocuments> {
  if (isSealed(choiceOf(work))) {
    yield* readChosen(work, summaries, tokenizer.vocabulary.length);
    return;
  }
  for (const [number, documents] of readDocumentsManifest(documentsFolder).files.entries()) {
    const path = join(work, `ids-${String(number).padStart(5, "0")}-${tokenizer.hash}`);
    if (isSealed(path)) {
      yield* readBatches(path);
      continue;
    }
    const file = new HashedFile(path);
    try {
      for await (const batch of encodeDocuments(tokenizer, readDocumentsFile(documentsFolder, documents), threads)) {
        writeBatch(file, batch);
        yield batch;
      }
      sealFile(path, file.commit());
    } finally {
      file.abandon();
    }
  }
}

/** The ids of documents that were encoded when they were read, by a tokenizer of so many tokens. UserErrors: those of reading. */
export async function* readChosen(
  work: string,
  summaries: readonly Pick<PortionSummary, "records">[],
  vocabulary: number,
): AsyncGenerator<EncodedDocuments> {
  const chosen = readWholeFile(choiceOf(work), "list of documents", Number.POSITIVE_INFINITY);
  let number = 0;
  for (const [index, { records }] of summaries.entries()) {
    const path = portionFile(work, index, "encodings");
    const file = openForReading(path, "portion");
    try {
      let [place, tokens, unknownTokens] = [0, 0, 0];
      let texts: { readonly length: number; readonly isChosen: boolean }[] = [];
      /** The ids of these texts together; those of texts that are no documents are left out. */
      const take = (): EncodedDocuments => {
        const ids = makeIds(vocabulary, tokens);
        readFully(path, file, ids, place);
        place += ids.byteLength;
        let [from, to] = [0, 0];
        for (const { length, isChosen } of texts) {
          if (isChosen && from !== to) ids.copyWithin(to, from, from + length);
          if (isChosen) to += length;
          from += length;
        }
        const lengths = Uint32Array.from(texts.flatMap(({ length, isChosen }) => (isChosen ? [length] : [])));
        const taken = { ids: ids.subarray(0, to), lengths, unknownTokens };
        [tokens, unknownTokens, texts] = [0, 0, []];
        return taken;
      };
      for (const record of readRecords(portionFile(work, index, "records"), records)) {
        if (record.verdict !== "kept") continue;
        const isChosen = chosen[number++] === 1;
        texts.push({ length: record.tokens, isChosen });
        tokens += record.tokens;
        if (isChosen) unknownTokens += record.unknownTokens;
        if (tokens < idsOfBatch) continue;
        yield take();
        await setImmediate();
      }
      yield take();
    } finally {
      closeSync(file);
    }
  }
}

function readFully(path: string, file: number, ids: Ids, place: number): void {
  const bytes = new Uint8Array(ids.buffer);
  for (let filled = 0; filled < bytes.length; ) {
    const more = reading(path, "portion", () => readSync(file, bytes, filled, bytes.length - filled, place + filled));
    if (more === 0) throw new Error(`${path} ended within a text`);
    filled += more;
  }
}

function writeBatch(file: HashedFile, { ids, lengths, unknownTokens }: EncodedDocuments): void {
  for (const words of [Uint32Array.of(lengths.length, ids.length, unknownTokens), lengths, Uint32Array.from(ids)]) {
    file.add(new Uint8Array(words.buffer, words.byteOffset, words.byteLength));
  }
}

async function* readBatches(path: string): AsyncGenerator<EncodedDocuments> {
  let waiting = Buffer.alloc(0);
  let needed = headBytes;
  const pieces: Buffer[] = [];
  let held = 0;
  for await (const piece of readFile(path)) {
    pieces.push(piece);
    held += piece.length;
    if (held < needed) continue;
    waiting = Buffer.concat(pieces.splice(0));
    for (;;) {
      if (waiting.length < headBytes) {
        needed = headBytes;
        break;
      }
      const [documents, ids, unknownTokens] = [0, 4, 8].map(at => waiting.readUInt32LE(at)) as [number, number, number];
      needed = headBytes + 4 * (documents + ids);
      if (waiting.length < needed) break;
      const words = new Uint32Array(documents + ids);
      new Uint8Array(words.buffer).set(waiting.subarray(headBytes, needed));
      yield { lengths: words.slice(0, documents), ids: words.slice(documents), unknownTokens };
      waiting = waiting.subarray(needed);
    }
    pieces.push(waiting);
    held = waiting.length;
  }
}
