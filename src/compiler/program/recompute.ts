// Gradient checkpointing on a list of launches: what the forward pass leaves for the backward pass is dropped, but for what crosses a few
// cuts, and its launches are run again where it is read. They are the same kernels on the same operands, so every bit is the same.
//
// The turn from forward to backward is where most stands in memory. Cuts lie where little crosses them, which is between layers; how many
// there are is tried out, by the arena that each number needs.

import { bytesPerElement, countElements, createTensor, type Graph, type Tensor } from "../../graph/tensor.ts";
import type { Results } from "../kernels/group.ts";
import type { Target } from "../target.ts";
import type { LaunchedGroup } from "./emit-launches.ts";
import { type Lifetime, planArena } from "./memory.ts";

type Places = ReadonlyMap<Tensor, Tensor>;

const segmentCounts = [2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64];

/**
 * Where the graph asks for it, the groups with some run again, such that the arena is smallest, and the places that hold then; else all as
 * it is. Source: Chen et al. 2016, arXiv 1604.06174.
 */
export function recomputeGroups(
  groups: readonly LaunchedGroup[],
  places: Places,
  { tensors: results }: Pick<Results, "tensors">,
  { recomputes = false, updates }: Graph,
  { alignmentBytes }: Pick<Target, "alignmentBytes">,
): { readonly launched: readonly LaunchedGroup[]; readonly places: Places } {
  if (!recomputes) return { launched: groups, places };
  const measure = (launched: readonly LaunchedGroup[], at: Places) =>
    planArena(listLifetimes(launched, at, results), alignmentBytes).arenaBytes;
  const turn = findTurn(groups, listLifetimes(groups, places, results));
  let best = { launched: groups, places, bytes: measure(groups, places) };
  for (const count of segmentCounts) {
    const cuts = chooseCuts(groups.slice(0, turn + 1), count);
    const dropped = chooseDropped(groups, turn, cuts, results, new Set(Object.keys(updates)));
    const launched = runAgain(groups, turn, dropped, places);
    const separate = separatePlaces(launched, places);
    const bytes = measure(launched, separate);
    if (bytes < best.bytes) best = { launched, places: separate, bytes };
  }
  return best;
}

const bytesOf = ({ shape, dtype }: Tensor) => countElements(shape) * bytesPerElement[dtype];
const isMade = ({ operation }: Tensor) => operation.kind !== "input" && operation.kind !== "state";

/** For each place of a temporary its bytes, and the first and last group that touches it. */
function listLifetimes(groups: readonly LaunchedGroup[], places: Places, results: ReadonlySet<Tensor>): Lifetime[] {
  const lives = new Map<Tensor, { bytes: number; firstLaunch: number; lastLaunch: number }>();
  for (const [at, group] of groups.entries()) {
    for (const tensor of listPointers(group)) {
      if (!isMade(tensor) || results.has(tensor)) continue;
      const place = places.get(tensor) ?? tensor;
      const life = lives.get(place) ?? { bytes: bytesOf(tensor), firstLaunch: at, lastLaunch: at };
      life.lastLaunch = at;
      lives.set(place, life);
    }
  }
  return [...lives.values()];
}

/** The group at which most stands in memory. */
function findTurn(groups: readonly LaunchedGroup[], lifetimes: readonly Lifetime[]): number {
  const changes = new Float64Array(groups.length + 1);
  for (const { bytes, firstLaunch, lastLaunch } of lifetimes) {
    changes[firstLaunch]! += bytes;
    changes[lastLaunch + 1]! -= bytes;
  }
  let [standing, most, turn] = [0, 0, 0];
  for (let at = 0; at < groups.length; at++) {
    standing += changes[at]!;
    if (standing > most) [most, turn] = [standing, at];
  }
  return turn;
}

/** For each tensor the first group that writes it, and the last that reads it. */
function findSpans(groups: readonly LaunchedGroup[]) {
  const spans = new Map<Tensor, { readonly from: number; to: number }>();
  for (const [at, { reads, writes }] of groups.entries()) {
    for (const tensor of writes) if (!spans.has(tensor)) spans.set(tensor, { from: at, to: at });
    for (const tensor of [...writes, ...reads]) {
      const span = spans.get(tensor);
      if (span !== undefined) span.to = at;
    }
  }
  return spans;
}

/** Groups behind which a forward pass is cut: at equal distances by what is written, each moved to where least crosses. */
function chooseCuts(forward: readonly LaunchedGroup[], segments: number): number[] {
  const made = new Float64Array(forward.length);
  const crossing = new Float64Array(forward.length);
  for (const [tensor, { from, to }] of findSpans(forward)) {
    made[from]! += bytesOf(tensor);
    for (let at = from; at < to; at++) crossing[at]! += bytesOf(tensor);
  }
  const total = made.reduce((a, b) => a + b, 0);
  const cheapest = new Map<number, number>();
  let sum = 0;
  for (let at = 0; at < forward.length - 1; at++) {
    sum += made[at]!;
    const cut = Math.round((sum * segments) / total);
    if (cut === 0 || cut === segments) continue;
    const known = cheapest.get(cut);
    if (known === undefined || crossing[at]! < crossing[known]!) cheapest.set(cut, at);
  }
  return [...cheapest.values()].sort((a, b) => a - b);
}

/** What is written before the last cut, and read in the forward pass by its own segment alone. */
function chooseDropped(
  groups: readonly LaunchedGroup[],
  turn: number,
  cuts: readonly number[],
  results: ReadonlySet<Tensor>,
  updated: ReadonlySet<string>,
): ReadonlySet<Tensor> {
  const segmentOf = (at: number) => cuts.filter(cut => cut < at).length;
  const isFixed = ({ operation }: Tensor) => !(operation.kind === "state" && updated.has(operation.name));
  const dropped = new Set<Tensor>();
  for (const [tensor, { from, to }] of findSpans(groups.slice(0, turn + 1))) {
    const segment = segmentOf(from);
    if (segment < cuts.length && segment === segmentOf(to)) dropped.add(tensor);
  }
  // What cannot be run again is kept, and what is joined of parts that are written before the turn and behind it.
  for (const [at, { reads, writes }] of groups.entries()) {
    if (at <= turn && reads.every(isFixed) && !writes.some(tensor => results.has(tensor))) continue;
    for (const tensor of writes) dropped.delete(tensor);
  }
  return dropped;
}

/** The groups with the writers of dropped tensors before whoever reads these behind the turn. */
function runAgain(
  groups: readonly LaunchedGroup[],
  turn: number,
  dropped: ReadonlySet<Tensor>,
  places: Places,
): readonly LaunchedGroup[] {
  const list = groups.slice(0, turn + 1);
  const writers = new Map<Tensor, LaunchedGroup[]>();
  for (const group of list) {
    for (const tensor of group.writes) writers.set(tensor, [...(writers.get(tensor) ?? []), group]);
  }
  // Of several in one place the last stands there.
  const standing = new Map<Tensor, Tensor>();
  for (const tensor of writers.keys()) standing.set(places.get(tensor) ?? tensor, tensor);
  const isGone = (tensor: Tensor) =>
    dropped.has(tensor) || (writers.has(tensor) && standing.get(places.get(tensor) ?? tensor) !== tensor);
  const again = new Set<LaunchedGroup>();
  const renewed = new Map<Tensor, Tensor>();
  const renew = (tensor: Tensor): void => {
    for (const writer of writers.get(tensor) ?? []) {
      if (again.has(writer)) continue;
      again.add(writer);
      for (const read of writer.reads) if (isGone(read)) renew(read);
      const own = listPointers(writer).filter(pointer => isMade(pointer) && !writer.reads.includes(pointer));
      for (const pointer of own) {
        if (renewed.has(pointer)) continue;
        renewed.set(pointer, createTensor(pointer.operation, pointer.inputs, pointer.shape, pointer.dtype));
      }
      list.push(replaceTensors(writer, renewed));
      own.forEach(renew);
    }
  };
  for (const group of groups.slice(turn + 1)) {
    for (const read of group.reads) if (isGone(read)) renew(read);
    list.push(replaceTensors(group, renewed));
  }
  return list;
}

const listPointers = ({ launches }: LaunchedGroup) => launches.flatMap(({ pointers }) => pointers);

/** The places without those that would be written over while somebody still reads what stood there. */
function separatePlaces(
  groups: readonly LaunchedGroup[],
  places: ReadonlyMap<Tensor, Tensor>,
): ReadonlyMap<Tensor, Tensor> {
  const spans = findSpans(groups);
  const separate = new Map<Tensor, Tensor>();
  /** For each place as it was, the tensor that it is of by now, and until when that is read. */
  const current = new Map<Tensor, { readonly root: Tensor; readonly to: number }>();
  for (const [tensor, { from, to }] of spans) {
    const place = places.get(tensor) ?? tensor;
    const before = current.get(place);
    const root = before === undefined || before.to > from ? tensor : before.root;
    if (root !== tensor) separate.set(tensor, root);
    current.set(place, { root, to });
  }
  return separate;
}

function replaceTensors(group: LaunchedGroup, renewed: ReadonlyMap<Tensor, Tensor>): LaunchedGroup {
  const replace = (tensor: Tensor) => renewed.get(tensor) ?? tensor;
  return {
    launches: group.launches.map(launch => ({ ...launch, pointers: launch.pointers.map(replace) })),
    reads: group.reads.map(replace),
    writes: group.writes.map(replace),
  };
}
