// Ranks that are functions of one process: a collective for tests of what ranks do with each other, without a library.

import type { Collective, NamedArray } from "../../src/collective/collective.ts";

type Values = Float32Array | Float64Array | Uint8Array;

/** As many collectives, each to be used by one of the functions that run beside each other. */
export function joinRanks(size: number): Collective[] {
  let arrived: { call: string; values: Values; pass: (all: readonly Values[]) => void }[] = [];
  /** Copies of what every rank came with, when all are here. */
  const meet = (rank: number, call: string, values: Values) =>
    new Promise<readonly Values[]>((pass, reject) => {
      arrived[rank] = { call, values: values.slice(), pass };
      if (Object.keys(arrived).length < size) return;
      const all = arrived;
      arrived = [];
      const other = all.find(each => each.call !== call || each.values.length !== values.length);
      if (other !== undefined) reject(new Error(`one rank calls ${call}, another ${other.call}`));
      for (const each of all) each.pass(all.map(({ values: own }) => own));
    });
  const own = ({ values }: Pick<NamedArray, "values">) => values as Float32Array;
  return Array.from({ length: size }, (_, rank) => ({
    ...{ engine: "one process", rank, size },
    sum: async arrays => {
      for (const array of arrays) {
        const all = await meet(rank, `sum ${array.name}`, own(array));
        own(array).forEach((_, i) => {
          own(array)[i] = all.reduce((sum, each) => sum + each[i]!, 0);
        });
      }
    },
    broadcast: async (values, root) => {
      const all = await meet(rank, `broadcast of ${root}`, values as Values);
      (values as Uint8Array).set(all[root]!);
    },
    gather: async (array, root) => {
      const all = await meet(rank, `gather ${array.name}`, own(array));
      return rank === root ? Float32Array.from(all.flatMap(each => [...each])) : undefined;
    },
    barrier: async () => {
      await meet(rank, "barrier", new Uint8Array(0));
    },
    abort: () => {},
    close: async () => {},
  }));
}
