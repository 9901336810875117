// What a file is by how it begins, where it is not the prose that its name says or leaves open. Only what prose does not begin
// with counts: a text may well have a brace or a tag in it.

import { findField } from "./fields.ts";

export interface RecognisedFormat {
  /** In words. */
  readonly what: string;
  /** What it is read as where its name does not say otherwise; undefined where it cannot be read. */
  readonly readAs?: "jsonl" | "html";
  readonly advice: string;
}

/** Undefined for what may be text. */
export function recogniseFormat(beginning: string, textField: string): RecognisedFormat | undefined {
  const text = beginning.replace(/^\ufeff/, "").trimStart();
  if (/^(<\?xml[^>]*>\s*)?(<!--((?!-->)[\s\S])*-->\s*)*<(!doctype html|html)\b/i.test(text)) {
    return { what: "an HTML page", readAs: "html", advice: "Name it .html, or say --format html." };
  }
  if (/^<(\?xml|!doctype)\b/i.test(text)) {
    return { what: "markup (XML)", advice: "Take the text out of it first, for example with `pandoc -t plain`." };
  }
  if (/^(\{\s*"(?:[^"\\\n]|\\.)*"\s*:|\[\s*\{\s*")/.test(text)) {
    const advice =
      "Name it .jsonl or .json, or say --format jsonl or json, and say with --text-field which field holds the text.";
    return hasField(text, textField)
      ? { what: "JSON lines", readAs: "jsonl", advice: "Name it .jsonl, or say --format jsonl." }
      : { what: "JSON", advice };
  }
  const [columns, separator] = readHeader(text);
  // In prose a comma has a space behind it.
  if (columns.length > 1 && columns.includes(textField) && columns.every(name => name.trim() === name)) {
    const format = separator === "\t" ? "tsv" : "csv";
    return { what: `a table with a column "${textField}"`, advice: `Name it .${format}, or say --format ${format}.` };
  }
  if (/^(%PDF-|\{\\rtf|%!PS)/.test(text)) {
    return { what: "a PDF, PostScript or RTF document", advice: "Save its text, or take it out with `pdftotext`." };
  }
  return undefined;
}

function hasField(text: string, textField: string): boolean {
  try {
    return findField(JSON.parse(text.slice(0, text.indexOf("\n") + 1 || undefined)), textField) !== undefined;
  } catch {
    return false;
  }
}

/** The names in a first line that may be the header of a table, and what parts them. */
function readHeader(text: string): [names: string[], separator: string] {
  const line = text.slice(0, 1000).split(/\r?\n/, 1)[0]!;
  const separator = ["\t", ",", ";"].find(each => line.includes(each)) ?? ",";
  return [line.split(separator).map(name => name.replace(/^"(.*)"$/, "$1")), separator];
}
