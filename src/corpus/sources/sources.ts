// Which shards a corpus is made of. A person names sources; the first scheme of this list that claims one lists its shards, in an
// order that depends on names alone. A shard that several of them lead to is read once.

import { UserError } from "../../base/errors.ts";
import { contentHash, isPresent } from "../../base/files/files.ts";
import type { LocalBytes } from "../../tables/bytes.ts";
import { isMixFile, readMixFile, resolveFrom } from "../mixture/mix-file.ts";
import { findPaths, isPattern } from "./glob.ts";
import { hubDatasets } from "./hub/hub-datasets.ts";
import { localFiles, tryReading } from "./local-files.ts";
import { findPreset, isPreset, joinOfPreset } from "./presets.ts";
import type { FoundTokenizer, SourceScheme } from "./scheme.ts";
import type { ListOptions, Shard } from "./shard.ts";
import { standardInput } from "./standard-input.ts";

/** The last takes whatever is left. */
const schemes: readonly SourceScheme[] = [hubDatasets(), standardInput, localFiles];

const schemeFor = (input: string): SourceScheme => schemes.find(({ claims }) => claims(input))!;
const schemeOf = ({ scheme }: Shard): SourceScheme => schemes.find(({ name }) => name === scheme)!;

/**
 * The shards of `inputs`, those in their order. UserErrors: those of the schemes, as E_NO_TEXT for a folder without a file of text,
 * E_FILE_MISSING, E_FILE_UNREADABLE.
 */
export async function listShards(inputs: readonly string[], options: ListOptions = {}): Promise<Shard[]> {
  const mixture = inputs.find(input => isMixFile(input) && isPresent(input, "mixture"));
  if (mixture !== undefined) return listMixture(mixture, inputs, options);
  const shards = new Map<string, Shard>();
  for (const input of inputs) {
    const join = joinOfPreset(input);
    for (const name of resolveName(input)) {
      for (const shard of await schemeFor(name).list(name, options)) {
        if (shards.has(shard.place) && !shard.named) continue;
        shards.set(shard.place, join?.source === name ? { ...shard, choice: { join: join.documents } } : shard);
      }
    }
  }
  return [...shards.values()];
}

/** The shards of the parts of a mixture, one part after another. */
async function listMixture(path: string, inputs: readonly string[], options: ListOptions): Promise<Shard[]> {
  if (inputs.length > 1) {
    throw new UserError("E_MIX", `${path}: a mixture beside other sources`, "Write these into it, with their weights.");
  }
  const shards = new Map<string, Shard>();
  for (const [index, { source, weight, passes, bytes, ...reading }] of readMixFile(path).entries()) {
    const isOwn = schemeFor(source) === localFiles && !isPreset(source);
    const part = { index, source, weight, passes };
    const listed = await listShards([isOwn ? resolveFrom(path, source) : source], options);
    for (const shard of limitShards(listed, bytes, options)) {
      const isNested = shard.choice?.part !== undefined;
      if (isNested || shards.has(shard.place)) {
        const seen = isNested ? "a mixture in a mixture" : `${shard.path} in two of its sources`;
        throw new UserError("E_MIX", `${path}: ${seen}`, "Every file belongs to one source with one weight.");
      }
      shards.set(shard.place, { ...shard, choice: { ...shard.choice, ...reading, part } });
    }
  }
  return [...shards.values()];
}

/** Beyond a limit by more than this share is worth a word. */
const littleMore = 0.1;

/** The first shards, as many as hold `bytes` together as they lie there, the last of them whole; undefined: all. */
export function limitShards(shards: readonly Shard[], bytes: number | undefined, options: ListOptions): Shard[] {
  if (bytes === undefined) return [...shards];
  let read = 0;
  const within: Shard[] = [];
  for (const shard of shards) {
    if (read >= bytes) options.passOver?.("beyond the limit of bytes", shard.path);
    else {
      within.push(shard);
      read += shard.bytes;
    }
  }
  if (read > (1 + littleMore) * bytes) {
    const count = (value: number) => value.toLocaleString("en-US");
    const { path, bytes: last } = within.at(-1)!;
    options.note?.(
      `${count(read)} bytes are read where ${count(bytes)} were the limit: a file is read whole, and ${path} has ${count(last)}.`,
    );
  }
  return within;
}

/** What a preset stands for; a file or a folder of its name comes first. */
function resolveName(input: string): readonly string[] {
  if (schemeFor(input) !== localFiles || isPresent(input, "text")) return [input];
  return findPreset(input) ?? (isPattern(input) ? findPaths(input) : [input]);
}

/** The tokenizer that a source has beside its shards; undefined for one without. UserErrors: those of its scheme. */
export async function findTokenizerOf(input: string): Promise<FoundTokenizer | undefined> {
  const names = isMixFile(input) ? [] : resolveName(input);
  return names.length === 1 ? schemeFor(names[0]!).findTokenizer?.(names[0]!) : undefined;
}

/** Where the bytes of a shard lie. */
export const openShard = (shard: Shard): LocalBytes => schemeOf(shard).open(shard);

/**
 * The shards with what names the content of each, and what a mixture says of it; in a folder, those that cannot be read are passed over
 * where that is allowed.
 */
export function identifyShards(shards: readonly Shard[], options: ListOptions): { shard: Shard; hash: string }[] {
  return shards.flatMap(shard => {
    const identify = () => shard.identity ?? schemeOf(shard).identify(shard);
    const content = tryReading(shard.path, shard.named ? {} : options, identify);
    if (content === undefined) return [];
    const hash = shard.choice === undefined ? content : contentHash(content, JSON.stringify(shard.choice));
    return [{ shard, hash }];
  });
}

/** What differs once the content of a shard may be another. */
export const describeShardState = (shard: Shard): string => schemeOf(shard).describeState(shard);
