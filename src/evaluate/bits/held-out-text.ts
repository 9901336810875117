// A held-out text as it is scored: its passages, of documents that stand a line each in a file of their own.

import { UserError } from "../../base/errors.ts";
import { contentHash, readText } from "../../base/files/files.ts";
import { cutPassages, type Passage } from "./masked-words.ts";

export interface HeldOutText {
  /** At least one. */
  readonly passages: readonly Passage[];
  /** Those with a passage, as they stand in the file. */
  readonly documents: readonly string[];
  /** Of the passages: a score is of them and of no others. */
  readonly hash: string;
}

/** The first `most` passages of a file. UserErrors: E_BITS for what is no document, or no passage; those of reading. */
export function readHeldOutText(path: string, most: number): HeldOutText {
  const documents = readText(path, "held-out text")
    .split("\n")
    .flatMap((line, i) => (line.trim() === "" ? [] : [readDocument(line, `${path}:${i + 1}`)]));
  const passages = cutPassages(documents, most);
  if (passages.length === 0) {
    throw new UserError("E_BITS", `${path}: no document has a whole passage of 48 words`, "Give a longer text.");
  }
  const long = documents.filter(document => cutPassages([document], 1).length > 0);
  return { passages, documents: long, hash: contentHash(JSON.stringify(passages)) };
}

function readDocument(line: string, origin: string): string {
  try {
    const { text } = JSON.parse(line) as { text?: unknown };
    if (typeof text === "string") return text;
  } catch {}
  throw new UserError("E_BITS", `${origin}: no document`, 'Write one a line, as {"text": "…"}.');
}
