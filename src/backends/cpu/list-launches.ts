// Programs as one list of launches, each program behind the one before without anybody coming between: of the next what touches no byte
// that the last launches of the one before touch may run beside them.

import type { Program } from "../../compiler/program/program.ts";
import { cpuTarget } from "../../compiler/targets/cpu-target.ts";
import type { CpuBuffer, NativeLaunch } from "./pool.ts";

/** A program with its kernels loaded, and its buffers placed but for temporaries. */
export interface PlacedProgram {
  readonly program: Program;
  readonly kernels: readonly number[];
  readonly places: readonly (Pick<CpuBuffer, "address"> | undefined)[];
}

/** Memory that a launch touches, from a byte to before another. */
interface Span {
  readonly begin: number;
  readonly end: number;
}

const meet = (some: readonly Span[], others: readonly Span[]): boolean =>
  some.some(one => others.some(other => one.begin < other.end && other.begin < one.end));

/** A place of temporaries begins with a line of the cache. */
const alignment = 64;

/**
 * With temporaries in this arena: the first program's at its beginning, where its last ones mostly are, and others' at its end, so that
 * they do not wait for their places.
 */
export function listLaunches(
  programs: readonly PlacedProgram[],
  arena: Pick<CpuBuffer, "address" | "bytes">,
): NativeLaunch[] {
  const listed: NativeLaunch[] = [];
  const touched: (readonly Span[])[] = [];
  for (const { program, kernels, places } of programs) {
    const first = listed.length;
    const atEnd = Math.floor((arena.bytes - program.arenaBytes) / alignment) * alignment;
    const temporaries = arena.address + (first === 0 ? 0 : atEnd);
    const spans = program.buffers.map(({ bytes, arenaOffset }, at): Span => {
      const begin = places[at]?.address ?? temporaries + arenaOffset;
      return { begin, end: begin + bytes };
    });
    for (const { kernel, buffers, blocks, grain, after } of program.launches) {
      const at = listed.length;
      const own = buffers.map(buffer => spans[buffer]!);
      // Whoever writes: what an update reads the micro-batch before it has written, and the other way round.
      const mustWait = (before: number) =>
        before < first ? meet(own, touched[before]!) : after === undefined || after.includes(before - first);
      const recent = Array.from({ length: Math.min(at, cpuTarget.launchesAtOnce - 1) }, (_, i) => at - 1 - i);
      const pointers = own.map(({ begin }) => begin);
      listed.push({ kernel: kernels[kernel]!, pointers, blocks, grain, after: recent.filter(mustWait) });
      touched.push(own);
    }
  }
  return listed;
}
