// What files begin with whose text only another program takes out of them: archives, packed files, pages for print. They are not read here,
// and whoever gives one is told what it is, not that a byte of it is no UTF-8.

export interface ForeignFormat {
  /** With its article, as it stands in a sentence. */
  readonly name: string;
  /** What can be done about it. */
  readonly advice: string;
}

const unpack = "Unpack it, and give what was in it";
const asText = "Save a document as plain text, a sheet as .csv.";
const formats: readonly (ForeignFormat & { readonly at?: number; readonly begins: string })[] = [
  { begins: "%PDF-", name: "a PDF", advice: "Take its text out first, for example with pdftotext." },
  { begins: "{\\rtf", name: "rich text", advice: "Save it as plain text." },
  { begins: "PK\x03\x04", name: "a zip archive, as .docx, .xlsx and .epub are", advice: `${unpack}. ${asText}` },
  { begins: "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", name: "a document of Office, as .doc and .xls are", advice: asText },
  { begins: "ustar", at: 257, name: "a tar archive", advice: `${unpack}.` },
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
