// A portion read: every document judged by itself and written down, equal ones of the portion once. Documents of other portions are
// not known here; what is decided with them in view is decided in assemble-documents.ts.

import { writeFileAtomically } from "../../base/files/files.ts";
import { HashedFile, sealFile } from "../../base/files/sealed-file.ts";
import { passOver } from "../../tables/passed-over.ts";
import { SeenTexts } from "../deduplication/equal-texts.ts";
import { hashShingles } from "../deduplication/shingles.ts";
import { signatureWords, writeSignature } from "../deduplication/signatures.ts";
import { DocumentLines } from "../document-lines.ts";
import { showExample } from "../examples.ts";
import { countDocument, startFunnel } from "../funnel.ts";
import { makeJudge, type SelectOptions } from "../select.ts";
import { isLater } from "../sources/ranges/cut-shard.ts";
import { readShard } from "../sources/read-shard.ts";
import { identifyShards } from "../sources/sources.ts";
import { notEncoded, type PortionEncoder } from "./encodings.ts";
import { type Portion, type PortionFile, type PortionSummary, portionFile } from "./portion.ts";
import { recordWords, writeRecord } from "./record.ts";

export interface PortionOptions extends SelectOptions {
  /** Whether near duplicates will be sought, for which every text gets a signature. */
  readonly signs: boolean;
  /** Whether texts are kept as lines of the documents format, because nobody will cut them or ask for any place of them. */
  readonly asLines: boolean;
  readonly encoder?: PortionEncoder | undefined;
  /** Whether what it makes of what is kept is kept, too: it is the tokenizer of the dataset. */
  readonly encodes?: boolean | undefined;
}

/** How much more was read since the last one. */
export interface PortionProgress {
  readonly bytes: number;
  readonly documents: number;
}

/** Ends a text that is no line; UTF-8 never has it. */
const endOfText = Uint8Array.of(0xff);

/**
 * Reads a portion into its files in `folder` and tells how far it is. UserErrors: those of `readShard`, E_DISK_FULL, E_NOT_WRITABLE;
 * after one nothing of the portion is there.
 */
export async function* readPortion(
  folder: string,
  { index, shards }: Portion,
  options: PortionOptions,
): AsyncGenerator<PortionProgress, PortionSummary> {
  const funnel = startFunnel();
  const judge = makeJudge(options);
  const seen = new SeenTexts();
  const files = openFiles(folder, index, options);
  const signature = new Uint32Array(signatureWords);
  const record = new Uint32Array(recordWords);
  const recordBytes = new Uint8Array(record.buffer);
  const lines = new DocumentLines();
  const { encoder, asLines } = options;
  let [records, bytes, bytesRead, documentsRead] = [0, 0, 0, 0];
  const onBytes = (count: number) => {
    bytesRead += count;
  };
  const take = (text: string, source: string, shard: number): void => {
    countDocument(funnel.read, text.length);
    if (!/\S/.test(text)) {
      countDocument(funnel.dropped.empty, text.length);
      return;
    }
    const content = encoder?.read(text) ?? Buffer.from(text);
    const key = seen.take(content);
    if (key === undefined) {
      countDocument(funnel.dropped.duplicate, text.length);
      showExample(funnel.examples, "duplicate", source, text);
      return;
    }
    const verdict = judge(text);
    countDocument(verdict === "kept" ? funnel.kept : funnel.dropped[verdict], text.length);
    records++;
    if (verdict !== "kept") {
      writeRecord(record, key, text.length, 0, shard, verdict, notEncoded);
      files.records.add(recordBytes);
      showExample(funnel.examples, verdict, source, text);
      return;
    }
    if (asLines) lines.add(content);
    const stored = asLines ? lines.take() : content;
    files.texts.add(stored);
    if (!asLines) files.texts.add(endOfText);
    const length = asLines ? stored.length : stored.length + 1;
    bytes += length;
    const encoded = files.encodings === undefined ? notEncoded : encoder!.encode();
    files.encodings?.add(encoder!.ids);
    writeRecord(record, key, text.length, length - 1, shard, verdict, encoded);
    files.records.add(recordBytes);
    if (files.signatures === undefined) return;
    writeSignature(hashShingles(text), signature);
    files.signatures.add(new Uint8Array(signature.buffer));
  };
  const described: { path: string; hash?: string }[] = [];
  try {
    for (const [number, shard] of shards.entries()) {
      const [identified] = identifyShards(isLater(shard) ? [] : [shard], {
        tolerant: options.strict !== true,
        passOver: (reason, path) => passOver(funnel.passedOver, reason, path),
      });
      described.push({ path: shard.path, ...(identified && { hash: identified.hash }) });
      if (identified === undefined && !isLater(shard)) continue;
      for await (const { documents } of readShard(shard, { ...options, onBytes }, funnel)) {
        for (const { text, source } of documents) take(text, source, number);
        documentsRead += documents.length;
        if (bytesRead < 2 ** 18) continue;
        yield { bytes: bytesRead, documents: documentsRead };
        bytesRead = documentsRead = 0;
      }
    }
    const hashes = Object.fromEntries(Object.entries(files).map(([ending, file]) => [ending, file.commit()]));
    const kept = funnel.kept.documents;
    const lost = files.encodings && { lost: encoder!.listLost() };
    const summary: PortionSummary = { shards: described, funnel, records, kept, bytes, asLines, ...lost, hashes };
    const path = portionFile(folder, index, "json");
    writeFileAtomically(path, JSON.stringify(summary));
    sealFile(path);
    yield { bytes: bytesRead, documents: documentsRead };
    return summary;
  } catch (error) {
    for (const file of Object.values(files)) file.abandon();
    throw error;
  }
}

interface PortionFiles extends Readonly<Partial<Record<PortionFile, HashedFile>>> {
  readonly texts: HashedFile;
  readonly records: HashedFile;
}

function openFiles(folder: string, index: number, { signs, encodes }: PortionOptions): PortionFiles {
  const open = (ending: PortionFile) => new HashedFile(portionFile(folder, index, ending));
  return {
    ...{ texts: open("texts"), records: open("records") },
    ...(signs && { signatures: open("signatures") }),
    ...(encodes === true && { encodings: open("encodings") }),
  };
}
