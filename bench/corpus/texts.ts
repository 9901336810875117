// The texts that benchmarks read.

import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

/** Every field "text" of a .jsonl or .jsonl.gz. */
export function readTexts(file: string): string[] {
  const bytes = readFileSync(file);
  const lines = (file.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8").split("\n");
  return lines.filter(line => line !== "").map(line => (JSON.parse(line) as { text: string }).text);
}
