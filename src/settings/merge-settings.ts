// Settings that are others with changes: what a recipe that extends another does, and what --set does. Sections are merged key by
// key, anything else is replaced.

import { findChosen, isChoice, isSection, isValues, unwrap, type Values } from "./schema.ts";

/**
 * `base` with `changes`, neither of which need be whole. null takes a key away (JSON Merge Patch, RFC 7396). Where the changes choose
 * another option of a choice, what only the one before reads is left out; what they name themselves stays, for the check to judge.
 */
export function mergeSettings(schema: unknown, base: unknown, changes: unknown): unknown {
  const parts = unwrap(schema);
  if (!isValues(changes) || !(isSection(parts) || isChoice(parts))) return changes;
  const merged: Values = { __proto__: null, ...(isValues(base) ? base : {}), ...changes };
  const chosen = isChoice(parts) ? findChosen(parts, merged) : parts;
  const kept = Object.keys(merged).filter(
    key =>
      merged[key] !== null &&
      (isSection(parts) || chosen === undefined || Object.hasOwn(chosen.shape, key) || Object.hasOwn(changes, key)),
  );
  const before = isValues(base) ? base : {};
  return Object.fromEntries(
    kept.map(key => {
      const part = chosen !== undefined && Object.hasOwn(chosen.shape, key) ? chosen.shape[key] : undefined;
      const old = Object.hasOwn(before, key) ? before[key] : undefined;
      return [key, Object.hasOwn(changes, key) ? mergeSettings(part, old, changes[key]) : old];
    }),
  );
}
