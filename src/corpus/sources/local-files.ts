// The files and folders of this machine that a person names, folders walked to the bottom, in an order that
// depends on names alone. What a file is goes by its ending; what it is without one that says so, its content decides.
// Links are followed, to files and to folders: collections are often folders of links. A file or folder that several paths
// lead to is read once, so links in a circle end.

import { closeSync, type Dirent, existsSync, realpathSync, type Stats, statSync } from "node:fs";
import { extname, join } from "node:path";
import { UserError } from "../../base/errors.ts";
import { hashFile, openForReading } from "../../base/files/files.ts";
import { lookAt, reading } from "../../base/files/read-failure.ts";
import { listFolder } from "../../tables/folder.ts";
import type { SourceScheme } from "./scheme.ts";
import type { ListOptions, Shard, ShardFormat } from "./shard.ts";

export const localFiles: SourceScheme = {
  name: "file",
  claims: () => true,
  list: listFiles,
  findTokenizer: async input => {
    // A file, or a folder of a split, is named as well: its set's tokenizer stands above it.
    const isFile = lookAt(input)?.isFile() === true;
    for (const [height, up] of ["", "..", "../..", "../../.."].entries()) {
      for (const folder of [join(input, up), join(input, up, "tokenizer")]) {
        const path = join(folder, "tokenizer.json");
        if (!existsSync(path)) continue;
        const settings = join(folder, "tokenizer_config.json");
        const isAbove = height > (isFile ? 1 : 0);
        return { path, settings: existsSync(settings) ? settings : undefined, isAbove };
      }
    }
    return undefined;
  },
  open: ({ path }) => ({ path }),
  identify: ({ path }) => reading(path, "text", hashFile),
  describeState: ({ path }) => {
    const stats = lookAt(path);
    return stats === undefined ? "gone" : `${stats.size} bytes of ${stats.mtime.toISOString()}`;
  },
};

/**
 * A file itself, or the files of a folder by name, hidden files and folders left out.
 * UserErrors: E_NO_TEXT for a folder without a file of text, E_FILE_MISSING, E_FILE_UNREADABLE.
 */
function listFiles(input: string, options: ListOptions): Shard[] {
  const stats = reading(input, "text", path => statSync(path));
  if (stats.isFile()) return [describeFile(input, stats, true)];
  if (!stats.isDirectory()) {
    throw new UserError(
      "E_FILE_UNREADABLE",
      `${input}: cannot be read as a text: this is a pipe or a device`,
      "Write what comes from it into a file, and name that.",
    );
  }
  const unread: string[] = [];
  const passOver = (reason: string, path: string) => {
    if (reason === unreadable) unread.push(path);
    options.passOver?.(reason, path);
  };
  const found = walkFolder(input, { ...options, passOver });
  if (found.length === 0 && unread.length > 0) {
    throw new UserError(
      "E_FILE_UNREADABLE",
      `${input}: no text in this folder may be read: ${unread.slice(0, 3).join(", ")}`,
      "Give yourself the right to read what is in it, or name another folder.",
    );
  }
  if (found.length === 0) {
    throw new UserError(
      "E_NO_TEXT",
      `${input}: no text in this folder: no file that can be read ends in .txt, .md, .html, .jsonl, .json, .csv, .tsv, .parquet or .arrow, or these with .gz or .zst`,
      "Name another folder, or a text file itself, whose ending may be another.",
    );
  }
  return found.map(({ path, stats }) => describeFile(path, stats, false));
}

const textEnding = /\.(?:txt|md|markdown|x?html?|jsonl|ndjson|json|csv|tsv|parquet|arrow|feather)(?:\.gz|\.zst)?$/i;

function walkFolder(folder: string, options: ListOptions): { path: string; stats: Stats }[] {
  const found: { path: string; stats: Stats }[] = [];
  const entered = new Set<string>();
  const { passOver = () => {} } = options;
  const visit = (at: string) => {
    const real = tryReading(at, options, path => realpathSync.native(path));
    if (real === undefined || entered.has(real)) return;
    entered.add(real);
    const passHidden = ({ name }: Dirent) => passOver("hidden", join(at, name));
    for (const entry of tryReading(at, options, () => listFolder(at, passHidden)) ?? []) {
      const path = join(at, entry.name);
      const isText = textEnding.test(entry.name);
      if (entry.isDirectory()) {
        visit(path);
        continue;
      }
      // Where a link leads matters only when it may lead to a text: another one may well lead nowhere.
      if (!isText && !entry.isSymbolicLink()) {
        passOver(extname(entry.name).toLowerCase() || "without an ending", path);
        continue;
      }
      const stats = tryReading(path, options, at =>
        isText ? statReadable(at) : statSync(at, { throwIfNoEntry: false }),
      );
      if (stats?.isDirectory()) visit(path);
      else if (isText && stats?.isFile()) found.push({ path, stats });
      else if (stats !== undefined)
        passOver(isText ? "no regular file" : extname(entry.name).toLowerCase() || "without an ending", path);
      else if (!isText) passOver("leading nowhere", path);
    }
  };
  visit(folder);
  return found;
}

/** Of a file that may be read: who reads a range of it later does not know whether others say that it may not. */
function statReadable(path: string): Stats {
  const stats = statSync(path);
  if (stats.isFile()) closeSync(openForReading(path, "text"));
  return stats;
}

/** Undefined where reading fails and that is passed over. */
export function tryReading<T>(
  path: string,
  { tolerant, passOver }: ListOptions,
  read: (path: string) => T,
): T | undefined {
  try {
    return reading(path, "text", read);
  } catch (error) {
    if (tolerant !== true || !(error instanceof UserError)) throw error;
    passOver?.(explainUnreadable(error, path), path);
    return undefined;
  }
}

const unreadable = "not readable";

/** Why a file in a folder was not read, in a few words. */
export function explainUnreadable({ code }: UserError, path: string): string {
  if (code !== "E_FILE_MISSING") return unreadable;
  return path.includes("\ufffd") ? "with a name that is not UTF-8" : "leading nowhere";
}

/** Whether a file declares types, so that its text is its documentation. */
export function isDeclarations(path: string): boolean {
  return /\.d\.[cm]?ts$/.test(path);
}

/** By the ending of its name. */
export function formatOf(path: string): ShardFormat {
  if (/\.(?:jsonl|ndjson)(?:\.gz|\.zst)?$/i.test(path)) return "jsonl";
  if (/\.(?:json|csv|tsv)(?:\.gz|\.zst)?$|\.(?:parquet|arrow|feather)$/i.test(path)) return "table";
  if (/\.x?html?(?:\.gz|\.zst)?$/i.test(path)) return "html";
  if (isDeclarations(path)) return "declarations";
  return /\.(?:txt|md|markdown)(?:\.gz|\.zst)?$/i.test(path) ? "text" : "unknown";
}

function describeFile(path: string, stats: Stats, named: boolean): Shard {
  const place = reading(path, "text", at => realpathSync.native(at));
  return { scheme: "file", path, place, format: formatOf(path), bytes: stats.size, named };
}
