// Which launches each launch waits for: those that write what it touches, and those that touch what it writes, be it that another tensor
// stood at the same place of the arena. What does not wait for those before it may run beside them.

import type { ProgramBuffer } from "./program.ts";

/** Buffers by their numbers. */
export interface Touched {
  readonly all: readonly number[];
  readonly written: ReadonlySet<number>;
}

/** For each launch those of the last so many before it that it waits for, but for those that one of these waits for itself. */
export function findWaits(
  launches: readonly Touched[],
  buffers: readonly ProgramBuffer[],
  atOnce: number,
): readonly (readonly number[])[] {
  const shareBytes = (a: number, b: number): boolean => {
    if (a === b) return true;
    const [one, other] = [buffers[a]!, buffers[b]!];
    if (one.kind !== "temporary" || other.kind !== "temporary") return false;
    return one.arenaOffset < other.arenaOffset + other.bytes && other.arenaOffset < one.arenaOffset + one.bytes;
  };
  const mustWait = (later: Touched, before: Touched) =>
    later.all.some(own =>
      before.all.some(its => (later.written.has(own) || before.written.has(its)) && shareBytes(own, its)),
    );
  /** All that are over when a launch begins, of those before it that may matter. */
  const over: ReadonlySet<number>[] = [];
  return launches.map((later, at) => {
    const waits: number[] = [];
    const own = new Set<number>();
    const first = Math.max(0, at - atOnce + 1);
    for (let before = at - 1; before >= first; before--) {
      if (own.has(before) || !mustWait(later, launches[before]!)) continue;
      waits.push(before);
      own.add(before);
      for (const each of over[before]!) if (each >= first) own.add(each);
    }
    over.push(own);
    return waits;
  });
}

/** Launches beside which one may still run: as many as stand between a gradient of a layer's weights and the next but one. */
const keptFor = 8;

/** For each launch the last beside which it may still run: the one before the first that touches what it writes. */
export function findEnds(launches: readonly Touched[]): readonly number[] {
  return launches.map(({ written }, at) => {
    const touches = ({ all }: Touched) => all.some(buffer => written.has(buffer));
    const until = launches.slice(at + 1, at + keptFor).findIndex(touches);
    return at + (until < 0 ? keptFor : until);
  });
}
