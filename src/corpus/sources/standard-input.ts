// What comes in on the standard input, as a source: it is kept in a file of the cache while the program runs, because it comes once
// and a text is read twice. What it is, its content decides.

import { createHash } from "node:crypto";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../../base/errors.ts";
import { findCacheFolder } from "../../base/files/cache-folder.ts";
import { FileDraft } from "../../base/files/files.ts";
import type { SourceScheme } from "./scheme.ts";
import type { Shard } from "./shard.ts";

export const standardInput: SourceScheme = {
  name: "stdin",
  claims: input => input === "-",
  list: () => keepStream(process.stdin),
  open: ({ place }) => ({ path: place }),
  identify: ({ identity }) => identity!,
  describeState: ({ place }) => place,
};

let isKept = false;

/** Keeps a stream in a file that goes when the program ends. UserErrors: E_NO_TEXT the second time, E_DISK_FULL, E_NOT_WRITABLE, E_CACHE. */
async function keepStream(stream: AsyncIterable<Buffer>): Promise<Shard[]> {
  if (isKept) {
    throw new UserError("E_NO_TEXT", "-: the standard input is named twice, and comes once", "Name it once.");
  }
  isKept = true;
  const place = join(findCacheFolder(), "stdin", `${process.pid}`);
  const draft = new FileDraft(place);
  const hash = createHash("sha256");
  let bytes = 0;
  try {
    for await (const piece of stream) {
      hash.update(piece);
      draft.write(piece);
      bytes += piece.length;
    }
    draft.commit();
  } catch (error) {
    draft.abandon();
    throw error;
  }
  process.once("exit", () => rmSync(place, { force: true }));
  return [{ scheme: "stdin", path: "-", place, format: "unknown", bytes, named: true, identity: hash.digest("hex") }];
}
