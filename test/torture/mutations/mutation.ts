// A case of mutation: a reader, a seed and a number decide the damage; reading what came of it ends as "same", "taken" or
// "refused", or is a fault. Parent and worker share this, so a case can be written down by whoever outlives it.

import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { setImmediate as passOn } from "node:timers/promises";
import { UserError } from "../../../src/base/errors.ts";
import { contentHash } from "../../../src/base/files/files.ts";
import { makeLinesPrintable } from "../../../src/base/printable.ts";
import { RandomSequence, streams } from "../../../src/base/random.ts";
import { fingerprint, type Reader } from "../readers/reader.ts";
import { type Mutation, mutate } from "./mutators.ts";

export interface CaseResult {
  readonly outcome: "same" | "taken" | "refused" | "fault";
  /** The error's code, or what is wrong. */
  readonly detail: string;
}

/** Copies the reader's good files into `scratch`; returns the path that is read and that of the file that is damaged. */
function copyGood({ from, damaged }: Reader, good: string, scratch: string): { path: string; file: string } {
  rmSync(scratch, { recursive: true, force: true });
  const path = join(scratch, basename(from));
  cpSync(join(good, from), path, { recursive: true });
  return { path, file: damaged === undefined ? path : join(path, damaged) };
}

export function drawMutation(reader: Reader, good: string, seed: number, number: number): Mutation {
  const file = join(good, reader.from, reader.damaged ?? ".");
  // Each reader has its own numbers, whatever others there are.
  const place = Number.parseInt(contentHash(reader.name).slice(0, 7), 16);
  const random = new RandomSequence(seed, streams.sampling, place * 2 ** 24 + number);
  return mutate(readFileSync(file), reader.form, random);
}

const longestMessage = 2048;

/** What a person is shown of an error may be no longer, and must be an error of ours. */
export function judgeError(error: unknown): CaseResult {
  if (!(error instanceof UserError)) {
    const seen = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { outcome: "fault", detail: `not a UserError: ${seen.slice(0, 600)}` };
  }
  const { code, message, advice } = error;
  const length = Math.max(message.length, advice.length);
  if (!/^E_[A-Z0-9_]+$/.test(code)) return { outcome: "fault", detail: `a code like ${code}` };
  if (makeLinesPrintable(message) !== message)
    return { outcome: "fault", detail: `${code}: what a terminal would obey` };
  if (length > longestMessage) return { outcome: "fault", detail: `${code}: a message of ${length} characters` };
  return { outcome: "refused", detail: code };
}

/** By the function that reads, and what it reads. */
const knownGood = new Map<Reader["read"], Map<string, string>>();

/** Reads the good files, once for all readers of the same ones; their fingerprint. Throws where they are refused and should not be. */
export async function readGood(reader: Reader, good: string, scratch: string): Promise<string> {
  const known = knownGood.get(reader.read) ?? new Map<string, string>();
  knownGood.set(reader.read, known);
  const value = known.get(reader.from) ?? (await readAnew(reader, good, scratch));
  known.set(reader.from, value);
  return value;
}

async function readAnew(reader: Reader, good: string, scratch: string): Promise<string> {
  try {
    return fingerprint(await reader.read(copyGood(reader, good, scratch).path));
  } catch (error) {
    if (reader.refused === true && error instanceof UserError) return error.code;
    throw error;
  }
}

export async function runCase(
  reader: Reader,
  { good, scratch, seed }: { good: string; scratch: string; seed: number },
  number: number,
  expected: string,
): Promise<CaseResult> {
  const { path, file } = copyGood(reader, good, scratch);
  writeFileSync(file, drawMutation(reader, good, seed, number).bytes);
  try {
    const seen = fingerprint(await reader.read(path));
    if (seen === expected) return { outcome: "same", detail: "" };
    return reader.sealed === true
      ? { outcome: "fault", detail: "damaged content was taken, where a checksum exists" }
      : { outcome: "taken", detail: "" };
  } catch (error) {
    return judgeError(error);
  } finally {
    // Rejections that nobody waits for come to light.
    await passOn();
  }
}
