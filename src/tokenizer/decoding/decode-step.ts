// How the tokens of a text become it, where a tokenizer's file says otherwise than follows from what it is: Hugging Face's decoders, one
// after the other, each on the texts that the one before it left.

import { readByteLetters } from "../encoding/byte-letters.ts";
import { compilePattern, replaceMatches } from "../patterns/compile-pattern.ts";
import { cleanUp } from "./clean-up.ts";

export type DecodeStep =
  | { readonly step: "byte-level" | "byte-fallback" | "fuse" }
  | { readonly step: "wordpiece"; readonly prefix: string; readonly cleanUp: boolean }
  | { readonly step: "metaspace"; readonly prefixed: boolean }
  | { readonly step: "suffix"; readonly suffix: string }
  | { readonly step: "replace"; readonly pattern: string; readonly regex: boolean; readonly by: string }
  | { readonly step: "strip"; readonly character: string; readonly start: number; readonly stop: number };

/** The text of tokens. */
export function applyDecoder(decoder: readonly DecodeStep[], tokens: readonly string[]): string {
  return decoder.reduce((texts, step) => (texts.length === 0 ? texts : applyStep(step, texts)), tokens).join("");
}

function applyStep(step: DecodeStep, texts: readonly string[]): readonly string[] {
  switch (step.step) {
    case "byte-level": {
      const bytes = texts.map(text => readByteLetters(text) ?? Buffer.from(text, "utf8"));
      return [Buffer.from(bytes.flatMap(some => [...some])).toString("utf8")];
    }
    case "byte-fallback":
      return joinBytes(texts);
    case "fuse":
      return [texts.join("")];
    case "wordpiece": {
      const { prefix } = step;
      const isInner = (text: string) => prefix !== "" && text.startsWith(prefix);
      const spaced = texts.map((text, i) => (i === 0 ? text : isInner(text) ? text.slice(prefix.length) : ` ${text}`));
      return step.cleanUp ? spaced.map(cleanUp) : spaced;
    }
    case "metaspace":
      return texts.map((text, i) => text.replaceAll("▁", i === 0 && step.prefixed ? "" : " "));
    case "suffix":
      return texts.map((text, i) => text.replaceAll(step.suffix, i === texts.length - 1 ? "" : " "));
    case "replace": {
      const { pattern, by } = step;
      if (!step.regex) return texts.map(text => text.replaceAll(pattern, () => by));
      return texts.map(text => replaceMatches(text, compilePattern(pattern), by));
    }
    case "strip":
      return texts.map(text => strip([...text], step.character, step.start, step.stop));
    default:
      return step satisfies never;
  }
}

/** Tokens as <0x41> become the text of the bytes that they name, or U+FFFD each where it is none. */
function joinBytes(texts: readonly string[]): string[] {
  const joined: string[] = [];
  let bytes: number[] = [];
  for (const text of [...texts, ""]) {
    const byte = /^<0x([0-9A-Fa-f]{2})>$/.exec(text)?.[1];
    if (byte !== undefined) {
      bytes.push(Number.parseInt(byte, 16));
      continue;
    }
    if (bytes.length > 0) joined.push(...readBytes(Buffer.from(bytes)));
    bytes = [];
    if (text !== "") joined.push(text);
  }
  return joined;
}

function readBytes(bytes: Buffer): string[] {
  const text = bytes.toString("utf8");
  return Buffer.from(text, "utf8").equals(bytes) ? [text] : Array.from(bytes, () => "\ufffd");
}

function strip(characters: readonly string[], character: string, start: number, stop: number): string {
  let begin = 0;
  let end = characters.length;
  while (begin < start && characters[begin] === character) begin++;
  while (end > begin && characters.length - end < stop && characters[end - 1] === character) end--;
  return characters.slice(begin, end).join("");
}
