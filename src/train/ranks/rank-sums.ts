// What the ranks' micro-batches add up to. Each rank adds up its own on its device, and the sums of all take their place before the update;
// or, where the sum's order is to be the same for any number of ranks, micro-batches are added one by one in the order of the step.

import type { Backend, DeviceBuffer, StateExchange } from "../../backends/backend.ts";
import { broadcastJson, type Collective, type NamedArray } from "../../collective/collective.ts";
import { countElements } from "../../graph/tensor.ts";
import { clearStates, lossSum, nameGradient, nameProbe, nameSeen, type States } from "../step/states.ts";
import { assignOwners } from "./owners.ts";
import { findPlaced } from "./placed-states.ts";

/** Which of a step's sums: those of its gradient with its loss, or those of its probe. */
export type SummedPart = "gradient" | "probe";

export interface RankSums {
  readonly rank: number;
  readonly size: number;
  /** Whether micro-batches are added one by one: the same bits for any number of ranks. */
  readonly isInOrder: boolean;
  /** Whether each rank's update is of its own micro-batches. */
  readonly isLocal: boolean;
  /** Where devices sum beside the backward pass: what the last micro-batch of every rank is run with, instead of `finish`. */
  readonly exchange?: StateExchange | undefined;
  /** Sets the sums of this rank to zero: it has no micro-batch in a step, or in a round. */
  clear(part: SummedPart): void;
  /** In order: adds the gradients of one micro-batch of each of the first `count` ranks, which stand where its sums would. */
  addRound(count: number, isFirst: boolean): Promise<void>;
  /** Puts the sums over all micro-batches in place of this rank's. */
  finish(part: SummedPart): Promise<void>;
}

interface Place {
  readonly name: string;
  readonly buffer: DeviceBuffer;
}

/** UserErrors: those of the collective. */
export function createRankSums(
  collective: Collective,
  backend: Backend,
  states: States,
  { isInOrder, isLocal = false }: { readonly isInOrder: boolean; readonly isLocal?: boolean },
): RankSums {
  const { rank, size } = collective;
  const prefixes = { gradient: [nameGradient(""), nameSeen("")], probe: [nameProbe("")] };
  const places = (part: SummedPart): Place[] =>
    Array.from(states, ([name, buffer]) => ({ name, buffer })).filter(
      ({ name }) => prefixes[part].some(prefix => name.startsWith(prefix)) || (part === "gradient" && name === lossSum),
    );
  const parts = { gradient: places("gradient"), probe: places("probe") };
  /** Of those whose sum this rank keeps, in order. */
  const held = new Map<string, Float32Array>();
  const owners = assignOwners(
    parts.gradient.map(({ buffer }) => countElements(buffer.shape)),
    size,
  );
  const readFloats = async ({ buffer }: Place) => Float32Array.from(await backend.read(buffer));
  return {
    ...{ rank, size, isInOrder, isLocal },
    exchange:
      isInOrder || isLocal
        ? undefined
        : createExchange(
            collective,
            parts.gradient.map(({ name }) => name),
          ),
    clear: part =>
      clearStates(
        backend,
        states,
        parts[part].map(({ name }) => name),
      ),
    addRound: async (count, isFirst) => {
      for (const [i, place] of parts.gradient.entries()) {
        const values = await readFloats(place);
        const rows = await collective.gather({ name: place.name, values }, owners[i]!);
        if (rows === undefined) continue;
        const sum = isFirst ? rows.slice(0, values.length) : held.get(place.name)!;
        for (let row = isFirst ? 1 : 0; row < count; row++) {
          const from = row * values.length;
          for (let k = 0; k < values.length; k++) sum[k] = sum[k]! + rows[from + k]!;
        }
        held.set(place.name, sum);
      }
    },
    finish: async part => {
      if (isLocal) return;
      if (!isInOrder || part !== "gradient") return sumPlaces(collective, backend, parts[part]);
      for (const [i, { name, buffer }] of parts.gradient.entries()) {
        const sum = held.get(name) ?? new Float32Array(countElements(buffer.shape));
        await collective.broadcast(sum, owners[i]!);
        backend.write(buffer, sum);
      }
    },
  };
}

/** An exchange costs its start, whatever its size: PyTorch's DistributedDataParallel takes as many (Li et al. 2020, arXiv 2006.15704). */
const bucketBytes = 25 * 2 ** 20;

function createExchange(collective: Collective, names: readonly string[]): StateExchange | undefined {
  const { sumBeside } = collective;
  if (sumBeside === undefined) return undefined;
  return {
    names: new Set(names),
    bucketBytes,
    agreeOn: buckets => broadcastJson(collective, buckets),
    isSoOnAll: async isSo => {
      const others = Float64Array.of(isSo ? 0 : 1);
      await collective.sum([{ name: "where it is not so", values: others }]);
      return others[0] === 0;
    },
    sum: sumBeside,
  };
}

/** Where they stand, or as one array of the host's. */
async function sumPlaces(collective: Collective, backend: Backend, places: readonly Place[]): Promise<void> {
  const small: (Place & { readonly values: Float32Array })[] = [];
  const large: NamedArray[] = [];
  for (const { name, buffer } of places) {
    const placed = findPlaced(collective, backend, buffer);
    if (placed !== undefined) large.push({ name, values: placed });
    else small.push({ name, buffer, values: Float32Array.from(await backend.read(buffer)) });
  }
  await collective.sum([...small, ...large]);
  for (const { buffer, values } of small) backend.write(buffer, values);
}
