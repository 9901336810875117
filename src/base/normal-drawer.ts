// Normal numbers of one sequence drawn by several threads: any number of a counter-based sequence can be the first, so that parts of it are
// drawn apart, and the bits are those that one thread draws. They are drawn into memory that threads share and copied from there, because
// what values belong to, as a backend's memory, is seen by one thread alone.

import { RandomSequence, type Stream } from "./random.ts";
import { Crew } from "./threads/crew.ts";

/** Which numbers are drawn: those of `new RandomSequence(seed, stream, index)`, times a deviation. */
export interface NormalSequence {
  readonly seed: number;
  readonly stream: Stream;
  readonly index: number;
  readonly deviation: number;
}

interface DrawnPart extends NormalSequence {
  readonly drawn: Float32Array;
  /** The place in the sequence of the first that is drawn. */
  readonly from: number;
}

/** Of a part, 2 ms of a thread, and of what is drawn before it is copied, from a cache. Values that are fewer are not worth another thread. */
const partNumbers = 2 ** 17;
const drawnNumbers = 2 ** 20;

/** Owns its threads, which begin with the first values that are many. */
export class NormalDrawer {
  private readonly threads: number;
  private readonly crew: Crew;
  private drawn: Float32Array | undefined;

  /** The caller is one of the threads. */
  constructor(threads: number) {
    this.threads = threads;
    this.crew = new Crew(threads);
  }

  fill(values: Float32Array, sequence: NormalSequence): void {
    if (this.threads === 1 || values.length < drawnNumbers) {
      drawPart({ ...sequence, drawn: values, from: 0 });
      return;
    }
    this.drawn ??= new Float32Array(new SharedArrayBuffer(4 * drawnNumbers));
    for (let from = 0; from < values.length; from += drawnNumbers) {
      const drawn = this.drawn.subarray(0, values.length - from);
      this.crew.run(import.meta.url, drawOne, { ...sequence, drawn, from }, Math.ceil(drawn.length / partNumbers));
      values.set(drawn, from);
    }
  }

  /** Ends the threads. */
  close(): void {
    this.crew.close();
  }
}

/** By its name in other threads. */
export function drawOne({ drawn, from, ...sequence }: DrawnPart, part: number): void {
  const first = part * partNumbers;
  drawPart({ ...sequence, drawn: drawn.subarray(first, first + partNumbers), from: from + first });
}

function drawPart({ seed, stream, index, deviation, drawn, from }: DrawnPart): void {
  const random = new RandomSequence(seed, stream, index);
  random.skipBlocks(from / 4);
  random.fillNormal(drawn, deviation);
}
