// The prose that every checkout has: READMEs, changelogs and the documentation in type declarations of the installed
// packages. The lockfile fixes which files there are, so the same checkout gives the same text on every machine. For that
// reason packages are left out that npm installs on some machines only: those for some platforms ("os", "cpu", "libc" in
// their package.json) and, as far as npm's own record of the installation says so, optional ones.

import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../../base/errors.ts";
import { readJson } from "../../base/files/files.ts";
import { reading } from "../../base/files/read-failure.ts";
import { listFolder } from "../../tables/folder.ts";
import { looksBinary } from "../../tables/utf8.ts";
import { extractDocComments } from "./formats/doc-comments.ts";
import { isDeclarations } from "./local-files.ts";

export interface InstalledProseOptions {
  /** Stop before the texts together hold more than this: of a .d.ts, its comments. */
  readonly maxBytes: number;
}

const prose = /\.(md|markdown)$|^(readme|changelog|changes|history)(\.(txt|rst))?$/i;
const notProse = /^(licen[cs]e|copying|notice|code_of_conduct|security)\b/i;
const translation = /^readme[._-](?!en\b)[a-z]{2}([-_][a-z]{2})?\.(md|markdown)$/i;
const leastCharacters = 200;

/**
 * The paths of the prose under a node_modules folder, in an order that depends on names alone. Left out: hidden files and
 * folders, links (a workspace, another package manager's store), licences, translated READMEs, a file with the same
 * content as one before it, one of less than 200 characters, one that is not UTF-8.
 * UserErrors: E_NO_TEXT when nothing is left, E_FILE_UNREADABLE.
 */
export function collectInstalledProse(nodeModulesFolder: string, options: InstalledProseOptions): string[] {
  const seen = new Set<string>();
  const chosen: string[] = [];
  let bytes = 0;
  for (const path of existsSync(nodeModulesFolder) ? findProse(nodeModulesFolder) : []) {
    const content = reading(path, "text", at => readFileSync(at));
    if (!isUtf8(content) || looksBinary(content)) continue;
    const written = content.toString("utf8");
    const text = isDeclarations(path) ? extractDocComments(written) : written;
    if (text.length < leastCharacters) continue;
    const digest = createHash("sha256").update(text).digest("hex");
    if (seen.has(digest)) continue;
    const textBytes = Buffer.byteLength(text);
    if (bytes + textBytes > options.maxBytes) break;
    seen.add(digest);
    bytes += textBytes;
    chosen.push(path);
  }
  if (chosen.length === 0) {
    throw new UserError(
      "E_NO_TEXT",
      `${nodeModulesFolder}: no prose of installed packages here, within ${options.maxBytes} bytes`,
      "Run `npm install` in the project first, or name a text of your own.",
    );
  }
  return chosen;
}

function* findProse(nodeModulesFolder: string): Generator<string> {
  const optional = readOptionalPackages(nodeModulesFolder);
  const visit = function* (relative: string): Generator<string> {
    if (optional.has(relative)) return;
    const folder = join(nodeModulesFolder, relative);
    const entries = listFolder(folder);
    if (entries.some(entry => entry.name === "package.json") && isForSomePlatforms(join(folder, "package.json")))
      return;
    for (const entry of entries) {
      const path = relative === "" ? entry.name : `${relative}/${entry.name}`;
      if (entry.isDirectory()) yield* visit(path);
      else if (entry.isFile() && isProse(entry.name)) yield join(nodeModulesFolder, path);
    }
  };
  yield* visit("");
}

function isProse(name: string): boolean {
  return (prose.test(name) && !notProse.test(name) && !translation.test(name)) || isDeclarations(name);
}

function isForSomePlatforms(packageJson: string): boolean {
  const { os, cpu, libc } = readObject(packageJson);
  return os !== undefined || cpu !== undefined || libc !== undefined;
}

/** The packages that npm may do without, by their path in node_modules; none where npm left no record. */
function readOptionalPackages(nodeModulesFolder: string): Set<string> {
  const { packages } = readObject(join(nodeModulesFolder, ".package-lock.json")) as {
    packages?: Record<string, { optional?: boolean }>;
  };
  const paths = Object.entries(packages ?? {}).filter(([, { optional }]) => optional === true);
  return new Set(paths.map(([path]) => path.replace(/^node_modules\//, "")));
}

/** The object in a JSON file; an empty one where there is no such file, or no JSON: a package's own fixture, perhaps. */
function readObject(path: string): Record<string, unknown> {
  try {
    return Object(readJson(path, "package's description"));
  } catch {
    return {};
  }
}
