// The documents of a dataset packed, here or by another thread while this one does something else.

import { type BoundedThread, siblingModule } from "../../../base/threads/bounded-worker.ts";
import type { PackedDocuments, packDocuments } from "../../../dataset/build.ts";
import { type PackWork, packChosen } from "./pack-thread.ts";

/** Packs them, and tells how far it is. UserErrors: those of `packDocuments` and of what gives the ids. */
export async function packHere(
  packing: ReturnType<typeof packDocuments>,
  onProgress: (documents: number) => void,
): Promise<PackedDocuments> {
  for (;;) {
    const { done, value } = await packing.next();
    if (done === true) return value;
    onProgress(value);
  }
}

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
