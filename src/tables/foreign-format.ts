// What files begin with that are no text whatever their name and --format say: archives, packed files, documents of Office. Whoever gives one
// is told what it is, not that a byte of it is no UTF-8. A PDF and others that may be letters alone: recognise-format.ts of the corpus.

import { UserError } from "../base/errors.ts";

export interface ForeignFormat {
  /** With its article, as it stands in a sentence. */
  readonly name: string;
  /** What can be done about it. */
  readonly advice: string;
}

const unpack = "Unpack it, and give what was in it";
const asText = "Save a document as plain text, a sheet as .csv.";
const formats: readonly (ForeignFormat & { readonly at?: number; readonly begins: string })[] = [
  { begins: "PK\x03\x04", name: "a zip archive, as .docx, .xlsx and .epub are", advice: `${unpack}. ${asText}` },
  { begins: "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", name: "a document of Office, as .doc and .xls are", advice: asText },
  // POSIX's and GNU's; a text can have the letters there, and no NUL.
  { begins: "ustar\x00", at: 257, name: "a tar archive", advice: `${unpack}.` },
  { begins: "ustar  \x00", at: 257, name: "a tar archive", advice: `${unpack}.` },
  { begins: "7z\xbc\xaf\x27\x1c", name: "a 7z archive", advice: `${unpack}.` },
  { begins: "Rar!\x1a\x07", name: "a rar archive", advice: `${unpack}.` },
  { begins: "\xfd7zXZ\x00", name: "packed by xz", advice: "Unpack it with unxz; .gz and .zst are read as they are." },
  { begins: "SQLite format 3\x00", name: "a database of SQLite", advice: "Write its table as .csv." },
];
/** Behind "BZh" and a digit stand the first digits of π. */
const bzip2 = /^BZh[1-9]1AY&SY/;

/** Which of them the beginning of a file is, if any. */
export function recogniseForeign(beginning: Uint8Array): ForeignFormat | undefined {
  const head = Buffer.from(beginning.buffer, beginning.byteOffset, Math.min(beginning.length, 512)).toString("latin1");
  if (bzip2.test(head)) {
    return { name: "packed by bzip2", advice: "Unpack it with bunzip2; .gz and .zst are read as they are." };
  }
  return formats.find(({ begins, at = 0 }) => head.startsWith(begins, at));
}

/** UserError E_BINARY where the beginning of a file is one of them. */
export function refuseForeign(beginning: Uint8Array, path: string): void {
  const foreign = recogniseForeign(beginning);
  if (foreign !== undefined) throw new UserError("E_BINARY", `${path}: ${foreign.name}, not text`, foreign.advice);
}
