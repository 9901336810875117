// Which rank has which of several pieces of work, so that all have about as much: the largest first, to who has least (longest processing
// time first, Graham 1969). Every rank comes to the same.

/** The rank of each piece, from their sizes. */
export function assignOwners(sizes: readonly number[], ranks: number): number[] {
  const loads = new Array<number>(ranks).fill(0);
  const owners = new Array<number>(sizes.length).fill(0);
  const largestFirst = [...sizes.keys()].sort((a, b) => sizes[b]! - sizes[a]!);
  for (const i of largestFirst) {
    const owner = loads.indexOf(Math.min(...loads));
    owners[i] = owner;
    loads[owner]! += sizes[i]!;
  }
  return owners;
}
