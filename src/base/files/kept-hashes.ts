// Hashes of a folder's large files, kept in the cache from run to run: gigabytes are not read again to learn that they are what they
// were. A file is taken for unchanged while its number, size and both its times are the same; any write sets the second of them, which
// no program can set back. One that was written a moment ago is not kept, for another write could have the same time.

import { statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { type Clock, systemClock } from "../clock.ts";
import { UserError } from "../errors.ts";
import { findCacheFolder } from "./cache-folder.ts";
import { contentHash, hashFile, readJson, writeFileAtomically } from "./files.ts";

/** The coarsest times of a file system that is met are of two seconds. */
const secondsUntilSettled = 2;

const keptSchema = z.record(z.string(), z.strictObject({ state: z.string(), sha256: z.string() }));

/** The hashes of one folder's files. Reads and writes the cache's file of that folder, which may be deleted at any time. */
export class KeptHashes {
  private readonly folder: string;
  private readonly clock: Clock;
  private readonly path: string;
  private readonly kept: z.infer<typeof keptSchema>;
  private hasChanged = false;

  /** UserErrors: those of the folder, where it cannot be asked for; E_CACHE. */
  constructor(folder: string, clock: Clock = systemClock) {
    this.folder = folder;
    this.clock = clock;
    const { dev, ino } = statSync(folder, { bigint: true });
    this.path = join(findCacheFolder(), "hashes", `${contentHash(`${dev} ${ino}`)}.json`);
    this.kept = readKept(this.path);
  }

  /** SHA-256 of a file there, read unless it is what it was when it was read before, or where `reread`. UserErrors of `hashFile`. */
  hash(name: string, reread = false): string {
    const state = this.describeState(name);
    const known = this.kept[name];
    if (!reread && known !== undefined && known.state === state) return known.sha256;
    const sha256 = hashFile(join(this.folder, name));
    this.keep(name, sha256, state);
    return sha256;
  }

  /** Keeps the hash of a file as it was in `state`, by itself now. One that was changed meanwhile, or a moment ago, is forgotten. */
  keep(name: string, sha256: string, state = this.describeState(name)): void {
    delete this.kept[name];
    if (state !== undefined && state === this.describeState(name)) this.kept[name] = { state, sha256 };
    this.hasChanged = true;
  }

  /** Writes what was learned. Where the cache takes nothing, the files are read again next time. */
  save(): void {
    if (!this.hasChanged) return;
    try {
      writeFileAtomically(this.path, `${JSON.stringify(this.kept)}\n`);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
    }
  }

  /** What tells one content of a file from another without reading it; undefined where nothing does. */
  private describeState(name: string): string | undefined {
    const settled = this.clock.date().getTime() - 1000 * secondsUntilSettled;
    try {
      const { ino, size, mtimeMs, mtimeNs, ctimeNs } = statSync(join(this.folder, name), { bigint: true });
      return mtimeMs >= settled ? undefined : [ino, size, mtimeNs, ctimeNs].join(" ");
    } catch {
      // Whoever reads it says why it cannot be read.
      return undefined;
    }
  }
}

function readKept(path: string): z.infer<typeof keptSchema> {
  try {
    return keptSchema.parse(readJson(path, "list of hashes"));
  } catch (error) {
    if (error instanceof UserError || error instanceof z.ZodError) return {};
    throw error;
  }
}
