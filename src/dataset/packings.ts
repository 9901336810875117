// How sequences are filled with documents: one behind the other, or each where it fits best. Either way every token stands in one
// sequence, no sequence is padded, and less than a sequence is left over at the end.

import { permutation, streams } from "../base/random.ts";

/** Fills sequences of one length. */
export interface SequenceFiller {
  /** Takes a document with its special tokens, in an array that may be reused. */
  add(document: Uint32Array): void;
  /** Gives out every sequence that can be filled; returns how many tokens are left over. */
  finish(): number;
}

interface Packing {
  readonly name: string;
  readonly summary: string;
  readonly source: string;
  /** `emit` gets each sequence, in an array that may be reused. */
  open(sequenceLength: number, emit: (sequence: Uint32Array) => void): SequenceFiller;
}

/** The order of the documents is kept; the last one of a sequence goes on in the next. */
const concatenate = {
  name: "concatenate",
  summary: "documents one behind the other, cut where a sequence ends",
  source: "Geiping & Goldstein 2022, arXiv 2212.14034",
  open: (sequenceLength, emit) => {
    const sequence = new Uint32Array(sequenceLength);
    let filled = 0;
    return {
      add: document => {
        for (let from = 0; from < document.length; ) {
          const to = Math.min(document.length, from + sequenceLength - filled);
          sequence.set(document.subarray(from, to), filled);
          filled += to - from;
          from = to;
          if (filled < sequenceLength) continue;
          emit(sequence);
          filled = 0;
        }
      },
      finish: () => filled,
    };
  },
} as const satisfies Packing;

/** Documents are fitted together in windows of so many tokens. */
const windowTokens = 1 << 22;

const bestFit = {
  name: "best-fit",
  summary: "documents whole where they fit, the longest first; what room is left takes the beginnings of others",
  source: "Ding et al. 2024, arXiv 2404.10830",
  open: (sequenceLength, emit) => {
    let waiting: Uint32Array[] = [];
    let tokens = 0;
    let windows = 0;
    const fill = () => {
      const { full, rest } = fit(waiting, sequenceLength);
      // At random, so that no part of a dataset has the long documents.
      for (const place of permutation(full.length, 0, streams.packedSequences, windows++)) {
        emit(join(full[place]!, sequenceLength));
      }
      waiting = rest;
      tokens = rest.reduce((sum, { length }) => sum + length, 0);
    };
    const largest = Math.max(windowTokens, 64 * sequenceLength);
    return {
      add: document => {
        // Of a longer document all but the end fills sequences of its own.
        for (let from = 0; from < document.length; from += sequenceLength) {
          waiting.push(document.slice(from, from + sequenceLength));
        }
        tokens += document.length;
        if (tokens >= largest) fill();
      },
      finish: () => {
        fill();
        return tokens;
      },
    };
  },
} as const satisfies Packing;

export const packings = [concatenate, bestFit] as const;

export type PackingName = (typeof packings)[number]["name"];
/** How documents become sequences. */
export interface PackingSettings {
  readonly name: PackingName;
  /** Whether the classifying token stands before each document, and the separator behind it. */
  readonly classify: boolean;
  readonly separator: boolean;
}

/** The reference's. */
export const plainPacking: PackingSettings = { name: "concatenate", classify: false, separator: true };

export const findPacking = (name: PackingName): Packing => packings.find(packing => packing.name === name)!;

/** Pieces of at most a sequence, in full sequences; the rest has fewer tokens than one. */
function fit(pieces: readonly Uint32Array[], sequenceLength: number): { full: Uint32Array[][]; rest: Uint32Array[] } {
  // By the room that is left: sequences begun.
  const begun: Uint32Array[][][] = Array.from({ length: sequenceLength + 1 }, () => []);
  const longestFirst = [...pieces].sort((a, b) => b.length - a.length);
  for (const piece of longestFirst) {
    let room = piece.length;
    while (room < sequenceLength && begun[room]!.length === 0) room++;
    const sequence = room < sequenceLength ? begun[room]!.pop()! : [];
    sequence.push(piece);
    begun[room - piece.length]!.push(sequence);
  }
  const full = begun[0]!;
  const open = begun.slice(1).flat();
  // The emptiest, which are the last, are taken apart for the room of the fullest.
  for (let first = 0; first < open.length; first++) {
    const pieces = open[first]!;
    let room = sequenceLength - pieces.reduce((sum, { length }) => sum + length, 0);
    while (room > 0 && first < open.length - 1) {
      const donor = open.at(-1)!;
      const piece = donor[0];
      if (piece === undefined) {
        open.pop();
        continue;
      }
      const taken = piece.subarray(0, room);
      pieces.push(taken);
      room -= taken.length;
      if (taken.length === piece.length) donor.shift();
      else donor[0] = piece.subarray(taken.length);
    }
    if (room > 0) return { full, rest: pieces };
    full.push(pieces);
  }
  return { full, rest: [] };
}

function join(pieces: readonly Uint32Array[], length: number): Uint32Array {
  const sequence = new Uint32Array(length);
  let filled = 0;
  for (const piece of pieces) {
    sequence.set(piece, filled);
    filled += piece.length;
  }
  return sequence;
}
