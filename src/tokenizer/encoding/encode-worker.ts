// What a worker thread of encode-threads.ts runs: texts in, ids out as transferred arrays, one batch at a time.

import { parentPort, workerData } from "node:worker_threads";
import type { Tokenizer } from "../tokenizer.ts";
import { Encoder } from "./encode.ts";
import { encodeBatch } from "./encode-batch.ts";

const encoder = new Encoder(workerData as Tokenizer);

parentPort!.on("message", ({ texts }: { texts: readonly string[] }) => {
  const encoded = encodeBatch(encoder, texts);
  parentPort!.postMessage({ encoded }, [encoded.ids.buffer, encoded.lengths.buffer]);
});
