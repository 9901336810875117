// Descriptions in JSON that end with a hash of themselves, so that a changed digit is as visible as a cut file. The hash is of
// the other fields as JSON.stringify writes them, whatever white space the file has.

import { contentHash } from "./files/files.ts";

/** A description with its hash as the last field, `hash`. */
export const seal = (description: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> => ({
  ...description,
  hash: contentHash(JSON.stringify(description)),
});

/** The text of a description with its hash. */
export const formatSealed = (description: Readonly<Record<string, unknown>>): string =>
  `${JSON.stringify(seal(description), undefined, 2)}\n`;

/**
 * What parsed JSON says beside its hash; undefined where that is another's. What has none, as results of before they were sealed, is given
 * as it is: who reads it refuses keys that it does not know, so that no damaged hash passes for none.
 */
export function openSealed(json: unknown): unknown {
  if (typeof json !== "object" || json === null || !("hash" in json)) return json;
  if (!isSealed(json)) return undefined;
  const { hash: _, ...description } = json;
  return description;
}

/** Whether parsed JSON is an object whose `hash` is that of its other fields. */
export function isSealed(json: unknown): boolean {
  if (typeof json !== "object" || json === null || Array.isArray(json)) return false;
  const { hash, ...description } = json as Record<string, unknown>;
  return hash === contentHash(JSON.stringify(description));
}
