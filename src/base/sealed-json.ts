// Descriptions in JSON that end with a hash of themselves, so that a changed digit is as visible as a cut file. The hash is of
// the other fields as JSON.stringify writes them, whatever white space the file has.

import { contentHash } from "./files/files.ts";

/** The text of a description with its hash as the last field, `hash`. */
export function formatSealed(description: Readonly<Record<string, unknown>>): string {
  const hash = contentHash(JSON.stringify(description));
  return `${JSON.stringify({ ...description, hash }, undefined, 2)}\n`;
}

/** Whether parsed JSON is an object whose `hash` is that of its other fields. */
export function isSealed(json: unknown): boolean {
  if (typeof json !== "object" || json === null || Array.isArray(json)) return false;
  const { hash, ...description } = json as Record<string, unknown>;
  return hash === contentHash(JSON.stringify(description));
}
