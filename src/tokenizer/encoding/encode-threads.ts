// Encodes a stream of documents on several threads and gives the results in the order of the documents, so that what
// comes out does not depend on the number of threads. At most two batches a thread are under way: memory stays bounded.

import { Worker } from "node:worker_threads";
import type { Tokenizer } from "../tokenizer.ts";
import { Encoder } from "./encode.ts";
import { type EncodedDocuments, encodeBatch } from "./encode-batch.ts";

const batchCharacters = 1 << 20;

type Texts = AsyncIterable<string> | Iterable<string>;

/** Encodes documents in order, about a million characters a batch. `threads` 1 encodes on the calling thread. */
export async function* encodeDocuments(
  tokenizer: Tokenizer,
  texts: Texts,
  threads: number,
): AsyncGenerator<EncodedDocuments> {
  if (threads <= 1) {
    const encoder = new Encoder(tokenizer);
    for await (const batch of batchTexts(texts)) yield encodeBatch(encoder, batch);
    return;
  }
  const workers: EncodingWorker[] = [];
  try {
    const pending: Promise<EncodedDocuments>[] = [];
    let number = 0;
    for await (const batch of batchTexts(texts)) {
      const worker = (workers[number++ % threads] ??= new EncodingWorker(tokenizer));
      const result = worker.encode(batch);
      result.catch(() => {}); // a failure is met when its turn comes; until then it must not end the process
      pending.push(result);
      if (pending.length === 2 * threads) yield await pending.shift()!;
    }
    while (pending.length > 0) yield await pending.shift()!;
  } finally {
    await Promise.all(workers.map(worker => worker.close()));
  }
}

/** Batches of about a million characters, which depend on the texts alone. */
export async function* batchTexts(texts: Texts): AsyncGenerator<string[]> {
  let batch: string[] = [];
  let characters = 0;
  for await (const text of texts) {
    batch.push(text);
    characters += text.length;
    if (characters >= batchCharacters) {
      yield batch;
      batch = [];
      characters = 0;
    }
  }
  if (batch.length > 0) yield batch;
}

interface Waiting {
  resolve(encoded: EncodedDocuments): void;
  reject(error: unknown): void;
}

/** One worker thread and the batches it still owes. */
class EncodingWorker {
  private readonly worker: Worker;
  private readonly waiting: Waiting[] = [];
  private failure: unknown;

  constructor(tokenizer: Tokenizer) {
    const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
    this.worker = new Worker(new URL(`./encode-worker.${extension}`, import.meta.url), { workerData: tokenizer });
    this.worker.on("message", ({ encoded }: { encoded: EncodedDocuments }) => this.waiting.shift()!.resolve(encoded));
    this.worker.on("error", error => this.fail(error));
    this.worker.on("exit", code => this.fail(new Error(`an encoding thread ended with code ${code}`)));
  }

  encode(texts: readonly string[]): Promise<EncodedDocuments> {
    return new Promise((resolve, reject) => {
      if (this.failure !== undefined) return reject(this.failure);
      this.worker.postMessage({ texts });
      this.waiting.push({ resolve, reject });
    });
  }

  async close(): Promise<void> {
    await this.worker.terminate();
  }

  private fail(error: unknown): void {
    this.failure ??= error;
    for (const { reject } of this.waiting.splice(0)) reject(this.failure);
  }
}
