// The documents of a dataset packed by another thread, while this one does something else.

import { type BoundedThread, siblingModule } from "../../../base/threads/bounded-worker.ts";
import type { PackedDocuments } from "../../../dataset/build.ts";
import { type PackWork, packChosen } from "./pack-thread.ts";

/** UserErrors: those of `packDocuments` and of reading. */
export async function packInThread(
  thread: BoundedThread,
  input: PackWork,
  onProgress: (documents: number) => void,
): Promise<PackedDocuments> {
  const module = siblingModule(import.meta.url, "pack-thread");
  const events = thread.run<number | PackedDocuments>({ module, name: packChosen.name, input, idleSeconds: 3600 });
  let packed: PackedDocuments | undefined;
  for await (const event of events) {
    if (typeof event === "number") onProgress(event);
    else packed = event;
  }
  return packed!;
}
