// Places temporaries in one arena: each lives from the launch that first writes it to the last that touches it, and two
// that never live at once may share bytes. Largest first, each at the lowest place that is free for its whole life.

export interface Lifetime {
  readonly bytes: number;
  readonly firstLaunch: number;
  readonly lastLaunch: number;
}

/** An offset for each lifetime, a multiple of `alignmentBytes`, and the bytes they need together. */
export function planArena(
  lifetimes: readonly Lifetime[],
  alignmentBytes: number,
): { readonly offsets: number[]; readonly arenaBytes: number } {
  const offsets = new Array<number>(lifetimes.length).fill(0);
  /** In the order of their places. */
  const placed: { start: number; end: number; life: Lifetime }[] = [];
  const order = lifetimes.map((_, i) => i).sort((a, b) => lifetimes[b]!.bytes - lifetimes[a]!.bytes || a - b);
  let arenaBytes = 0;
  for (const i of order) {
    const life = lifetimes[i]!;
    const bytes = Math.ceil(life.bytes / alignmentBytes) * alignmentBytes;
    let start = 0;
    for (const other of placed) {
      const isApart = other.life.firstLaunch > life.lastLaunch || life.firstLaunch > other.life.lastLaunch;
      if (isApart) continue;
      if (start + bytes <= other.start) break;
      start = Math.max(start, other.end);
    }
    const after = placed.findIndex(other => other.start > start);
    placed.splice(after < 0 ? placed.length : after, 0, { start, end: start + bytes, life });
    offsets[i] = start;
    arenaBytes = Math.max(arenaBytes, start + bytes);
  }
  return { offsets, arenaBytes };
}
