// Which files a corpus is made of: the files and folders a person names, folders walked to the bottom, in an order that
// depends on names alone. What a file is goes by its ending; a file named itself may have any ending and is then text, or
// the documentation in it when it is a .d.ts.
// Links are followed, to files and to folders: collections are often folders of links. A file or folder that several paths
// lead to is read once, so links in a circle end.

import { realpathSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../base/errors.ts";
import { hashFile } from "../base/files.ts";
import { reading } from "../tables/read-failure.ts";
import { listFolder } from "./folder.ts";

/** declarations: a .d.ts file, of which only the documentation comments are text. */
export type SourceFormat = "text" | "jsonl" | "declarations";

export interface Source {
  readonly path: string;
  readonly format: SourceFormat;
  readonly gzip: boolean;
  readonly bytes: number;
  /** Whether the file was named itself, rather than met in a folder. */
  readonly named: boolean;
  /** When the file was last changed, milliseconds since 1970; with the size it tells whether a corpus is out of date. */
  readonly changedMilliseconds: number;
}

/**
 * Lists the files behind `inputs`: the inputs in their order, within a folder by name, hidden files and folders left out.
 * UserErrors: E_NO_TEXT for a folder without a file of text, E_TEXT_MISSING, E_TEXT_UNREADABLE.
 */
export function listSources(inputs: readonly string[]): Source[] {
  const sources = new Map<string, Source>();
  const add = (path: string, stats: Stats, named: boolean) => {
    const real = reading(path, at => realpathSync.native(at));
    if (!sources.has(real) || named) sources.set(real, describeSource(path, stats, named));
  };
  for (const input of inputs) {
    const stats = reading(input, path => statSync(path));
    if (stats.isFile()) {
      add(input, stats, true);
      continue;
    }
    if (!stats.isDirectory()) {
      throw new UserError(
        "E_TEXT_UNREADABLE",
        `${input}: neither a file nor a folder`,
        "A text may be read more than once: write what comes from a pipe or a device into a file, and name that.",
      );
    }
    const found = walkFolder(input);
    if (found.length === 0) {
      throw new UserError(
        "E_NO_TEXT",
        `${input}: no text in this folder: no file ends in .txt, .md, .markdown or .jsonl, with or without .gz`,
        "Name another folder, or name a text file itself; then its ending does not matter.",
      );
    }
    for (const { path, stats } of found) add(path, stats, false);
  }
  return [...sources.values()];
}

/** SHA-256 of a file's content. UserErrors: E_TEXT_MISSING, E_TEXT_UNREADABLE. */
export function hashSource({ path }: Source): string {
  return reading(path, hashFile);
}

const textEnding = /\.(txt|md|markdown|jsonl)(\.gz)?$/i;

function walkFolder(folder: string): { path: string; stats: Stats }[] {
  const found: { path: string; stats: Stats }[] = [];
  const entered = new Set<string>();
  const visit = (at: string) => {
    const real = reading(at, path => realpathSync.native(path));
    if (entered.has(real)) return;
    entered.add(real);
    for (const entry of listFolder(at)) {
      const path = join(at, entry.name);
      const isText = textEnding.test(entry.name);
      if (entry.isDirectory()) visit(path);
      else if (isText || entry.isSymbolicLink()) {
        // Where a link leads matters only when it may lead to a text: another one may well lead nowhere.
        const stats = reading(path, at => statSync(at, { throwIfNoEntry: isText }));
        if (stats?.isDirectory()) visit(path);
        else if (isText && stats?.isFile()) found.push({ path, stats });
      }
    }
  };
  visit(folder);
  return found;
}

/** Whether a file declares types, so that its text is its documentation. */
export function isDeclarations(path: string): boolean {
  return /\.d\.[cm]?ts$/.test(path);
}

function describeSource(path: string, stats: Stats, named: boolean): Source {
  return {
    path,
    format: /\.jsonl(\.gz)?$/i.test(path) ? "jsonl" : isDeclarations(path) ? "declarations" : "text",
    gzip: /\.gz$/i.test(path),
    bytes: stats.size,
    named,
    changedMilliseconds: stats.mtimeMs,
  };
}
