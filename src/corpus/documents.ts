// The documents format: a folder of documents-00000.jsonl, … ({"text": …} a line) and a manifest.json written last, with
// the hash of every file. A folder without a manifest is unfinished and is not read.

import { createHash } from "node:crypto";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { UserError } from "../base/errors.ts";
import type { Checksums } from "../base/files/checksums.ts";
import { contentHash, makeFolder, readJson, writeFileAtomically } from "../base/files/files.ts";
import { reading } from "../base/files/read-failure.ts";
import { countOf } from "../base/printable.ts";
import { readFile } from "../tables/bytes.ts";
import { splitLines } from "../tables/lines.ts";
import { type DocumentsFile, DocumentsWriter } from "./documents-writer.ts";
import { type DropReason, dropReasons, type Funnel, listTaken, startFunnel } from "./funnel.ts";
import type { Document } from "./sources/formats/document-readers.ts";

const format = "cramming-documents";
const fileName = /^documents-\d{5,}\.jsonl$/;
const ownFile = /^documents-\d{5,}\.jsonl(\.writing)?$/;

const count = z.int().nonnegative();
const amount = z.strictObject({ documents: count, characters: count });
const manifestSchema = z.strictObject({
  format: z.literal(format),
  version: z.literal(1),
  /** Names the documents by their content and order. */
  hash: z.string(),
  documents: count,
  /** UTF-16 units, as `string.length` counts. */
  characters: count,
  files: z.array(
    z.strictObject({ name: z.string().regex(fileName), bytes: count, documents: count, sha256: z.string() }),
  ),
  /** The files the documents came from, in order, with how many each gave. */
  sources: z.array(z.strictObject({ path: z.string(), documents: count })),
  funnel: z.strictObject({
    read: amount,
    kept: amount,
    /** Reasons that came later are missing in older manifests. */
    dropped: z.preprocess(
      given => ({ ...startFunnel().dropped, ...(given as object) }),
      z.strictObject(
        Object.fromEntries(dropReasons.map(reason => [reason, amount])) as Record<DropReason, typeof amount>,
      ),
    ),
    cut: amount.default({ documents: 0, characters: 0 }),
    examples: z
      .array(
        z.strictObject({
          reason: z.enum([...dropReasons, "cut"]),
          source: z.string(),
          text: z.string(),
          draw: z.string().default(""),
        }),
      )
      .default([]),
    /** In older manifests. */
    binaryFilesSkipped: count.optional(),
    mixture: z
      .array(
        z.strictObject({
          ...{ source: z.string(), weight: z.number(), share: z.number(), passes: z.number() },
          ...{ documents: count, characters: count },
        }),
      )
      .optional(),
    passedOver: z.array(z.strictObject({ reason: z.string(), count, first: z.array(z.string()) })).default([]),
  }),
});

export type DocumentsManifest = z.infer<typeof manifestSchema>;

/**
 * Writes documents into a folder that has none; the manifest comes last. `funnel` is the account
 * of the same documents, complete when they are. A file is closed once it holds `bytesPerFile` bytes.
 * UserErrors: E_NO_DOCUMENTS when there are none, E_DISK_FULL, E_NOT_WRITABLE, and what `documents`
 * throws; after an error the folder holds no documents.
 */
export async function writeDocuments(
  folder: string,
  documents: AsyncIterable<Document>,
  funnel: Funnel,
  onProgress?: (documents: number) => void,
  bytesPerFile = 256 * 2 ** 20,
): Promise<DocumentsManifest> {
  makeFolder(folder);
  const writer = new DocumentsWriter(folder, bytesPerFile);
  const sources = new Map<string, number>();
  let count = 0;
  let characters = 0;
  try {
    for await (const document of documents) {
      const { source, written: line } = document;
      if (line === undefined) characters += writer.add(document.utf8 ?? Buffer.from(document.text));
      else {
        writer.addLine(line.bytes);
        characters += line.characters;
      }
      sources.set(source, (sources.get(source) ?? 0) + 1);
      count += 1;
      if (count % 1024 === 0) onProgress?.(count);
    }
    if (count === 0) throw explainNoDocuments(funnel);
    writer.finish();
    onProgress?.(count);
    const manifest: DocumentsManifest = {
      format,
      version: 1,
      hash: contentHash(...writer.files.map(file => file.sha256)),
      documents: count,
      characters,
      files: writer.files,
      sources: Array.from(sources, ([path, documents]) => ({ path, documents })),
      funnel: structuredClone(funnel),
    };
    writeFileAtomically(join(folder, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
    return manifest;
  } catch (error) {
    writer.abandon();
    throw error;
  }
}

function explainNoDocuments(funnel: Funnel): UserError {
  const taken = listTaken(funnel);
  return new UserError(
    "E_NO_DOCUMENTS",
    `no document is left of ${funnel.read.documents}${taken.length > 0 ? `: ${taken.join(", ")}` : ""}`,
    "Name more text, or loosen what drops it.",
  );
}

/** What the files of documents hash to, by their names. */
export const listChecksums = ({ files }: DocumentsManifest): Checksums =>
  Object.fromEntries(files.map(({ name, sha256 }) => [name, sha256]));

/**
 * Reads the manifest of a documents folder.
 * UserErrors: E_DOCUMENTS_UNFINISHED for documents without one, E_DOCUMENTS_MANIFEST, E_FILE_MISSING, E_JSON.
 */
export function readDocumentsManifest(folder: string): DocumentsManifest {
  const path = join(folder, "manifest.json");
  if (isUnfinished(folder)) {
    throw new UserError(
      "E_DOCUMENTS_UNFINISHED",
      `${folder}: unfinished documents: they have no manifest.json`,
      "Whatever wrote them was stopped; prepare the corpus again.",
    );
  }
  const parsed = manifestSchema.safeParse(readJson(path, "documents manifest"));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const where = issue.path.length > 0 ? `${issue.path.join(".")}: ` : "";
  throw new UserError(
    "E_DOCUMENTS_MANIFEST",
    `${path}: not the manifest of documents of version 1: ${where}${issue.message}`,
    "Prepare the corpus again.",
  );
}

function isUnfinished(folder: string): boolean {
  try {
    const names = readdirSync(folder);
    return !names.includes("manifest.json") && names.some(name => ownFile.test(name));
  } catch {
    return false; // reading the manifest says why
  }
}

/**
 * Reads the texts of a documents folder in order. A file is checked against its hash once it is read to its end.
 * UserErrors: E_DOCUMENTS_CHANGED, E_FILE_UNREADABLE, and those of `readDocumentsManifest`.
 */
export async function* readDocuments(folder: string): AsyncGenerator<string> {
  for (const file of readDocumentsManifest(folder).files) yield* readDocumentsFile(folder, file);
}

/** The same of one file. */
export async function* readDocumentsFile(folder: string, file: DocumentsFile): AsyncGenerator<string> {
  const path = join(folder, file.name);
  const changed = (seen: string) =>
    new UserError("E_DOCUMENTS_CHANGED", `${path}: ${seen}`, "The file was changed; prepare the corpus again.");
  const bytes = reading(path, "documents file", at => statSync(at, { throwIfNoEntry: false })?.size);
  if (bytes === undefined) throw changed("is not there any more");
  if (bytes !== file.bytes) throw changed(`has ${countOf(bytes, "byte", String)} instead of ${file.bytes}`);
  const hash = createHash("sha256");
  let line = 0;
  for await (const lines of splitLines(hashPassing(path, hash), path, Number.POSITIVE_INFINITY)) {
    for (const bytes of lines) {
      line += 1;
      const text = parseText(bytes);
      if (text === undefined) throw changed(`line ${line} is not a document`);
      yield text;
    }
  }
  const digest = hash.digest("hex");
  if (digest !== file.sha256) {
    throw changed(`its content has the hash ${digest.slice(0, 16)} instead of ${file.sha256.slice(0, 16)}`);
  }
}

function parseText(line: Buffer): string | undefined {
  try {
    const { text } = JSON.parse(line.toString("utf8")) as { text: unknown };
    return typeof text === "string" ? text : undefined;
  } catch {
    return undefined;
  }
}

async function* hashPassing(path: string, hash: { update(bytes: Buffer): unknown }): AsyncGenerator<Buffer> {
  for await (const piece of readFile(path)) {
    hash.update(piece);
    yield piece;
  }
}
