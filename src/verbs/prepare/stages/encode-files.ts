// The ids of a corpus, kept in a file for each file of documents, or in one for all where they came with the documents, so that what was
// encoded once is not encoded again. A batch is two words, its documents and its ids, then the lengths of the documents, then the ids; all
// are words of 32 bits.

import { join } from "node:path";
import { HashedFile, isSealed, sealFile } from "../../../base/files/sealed-file.ts";
import { readDocumentsFile, readDocumentsManifest } from "../../../corpus/documents.ts";
import type { AssembledDocument } from "../../../corpus/portions/assemble-documents.ts";
import { readFile } from "../../../tables/bytes.ts";
import type { EncodedDocuments } from "../../../tokenizer/encoding/encode-batch.ts";
import { encodeDocuments } from "../../../tokenizer/encoding/encode-threads.ts";
import { IdList } from "../../../tokenizer/encoding/id-list.ts";
import type { Tokenizer } from "../../../tokenizer/tokenizer.ts";

const allIds = (work: string, tokenizer: Tokenizer): string => join(work, `ids-${tokenizer.hash}`);
const idsOfBatch = 1 << 18;

/** Keeps the ids that documents came with, and gives the documents on. All must have some. UserErrors: E_DISK_FULL, E_NOT_WRITABLE. */
export async function* keepIds(
  work: string,
  documents: AsyncIterable<AssembledDocument>,
  tokenizer: Tokenizer,
): AsyncGenerator<AssembledDocument> {
  const path = allIds(work, tokenizer);
  const file = new HashedFile(path);
  try {
    const list = new IdList();
    let lengths: number[] = [];
    const write = () => {
      writeBatch(file, { lengths: Uint32Array.from(lengths), ids: list.ids.subarray(0, list.count) });
      lengths = [];
      list.count = 0;
    };
    for await (const document of documents) {
      const { ids } = document.encoded!;
      list.append(ids);
      lengths.push(ids.length);
      if (list.count >= idsOfBatch) write();
      yield document;
    }
    write();
    sealFile(path, file.commit());
  } finally {
    file.abandon();
  }
}

/** Encodes the documents of a folder in their order. UserErrors: those of reading them, E_DISK_FULL. */
export async function* encodeFiles(
  work: string,
  documentsFolder: string,
  tokenizer: Tokenizer,
  threads: number,
): AsyncGenerator<EncodedDocuments> {
  const all = allIds(work, tokenizer);
  if (isSealed(all)) {
    yield* readBatches(all);
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

function writeBatch(file: HashedFile, { ids, lengths }: EncodedDocuments): void {
  for (const words of [Uint32Array.of(lengths.length, ids.length), lengths, ids]) {
    file.add(new Uint8Array(words.buffer, words.byteOffset, words.byteLength));
  }
}

async function* readBatches(path: string): AsyncGenerator<EncodedDocuments> {
  let waiting = Buffer.alloc(0);
  let needed = 8;
  const pieces: Buffer[] = [];
  let held = 0;
  for await (const piece of readFile(path)) {
    pieces.push(piece);
    held += piece.length;
    if (held < needed) continue;
    waiting = Buffer.concat(pieces.splice(0));
    for (;;) {
      if (waiting.length < 8) {
        needed = 8;
        break;
      }
      const [documents, ids] = [waiting.readUInt32LE(0), waiting.readUInt32LE(4)];
      needed = 4 * (2 + documents + ids);
      if (waiting.length < needed) break;
      const words = new Uint32Array(documents + ids);
      new Uint8Array(words.buffer).set(waiting.subarray(8, needed));
      yield { lengths: words.slice(0, documents), ids: words.slice(documents) };
      waiting = waiting.subarray(needed);
    }
    pieces.push(waiting);
    held = waiting.length;
  }
}
