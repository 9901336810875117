// An update that ranks share out: each has the moments of some of the parameters, whole ones, updates these and tells the others (ZeRO's
// first stage, Rajbhandari et al. 2020, arXiv 1910.02054). What an optimizer computes for a parameter, as Muon's orthogonal direction, one
// rank computes. Every parameter has the step that it had without: the gradient's sums, and its norm, every rank has.

import type { Backend, DeviceBuffer } from "../../backends/backend.ts";
import type { HeldTensor, StoredTensor } from "../../checkpoint/safetensors.ts";
import type { Collective } from "../../collective/collective.ts";
import { countElements } from "../../graph/tensor.ts";
import type { States } from "../step/states.ts";
import type { SharedUpdate } from "../step/training-definition.ts";
import { findPlaced } from "./placed-states.ts";

export interface UpdateShares {
  /** Gives each rank its moments of a checkpoint, which rank 0 has read. */
  begin(stored: readonly StoredTensor[]): Promise<void>;
  /** After an update: puts what each rank made of its parameters in place of the others'. */
  spread(): Promise<void>;
  /** Every moment in the order of the whole, with what the update does not share behind: `fetch` is asked for those of other ranks. */
  listMoments(own: readonly HeldTensor[], fetch: (name: string, rank: number) => Promise<Float32Array>): HeldTensor[];
  /** By every rank alike: the values of a moment, which one rank has. */
  tell(index: number): Promise<Float32Array>;
  /** The number by which ranks speak of a moment. */
  findIndex(name: string): number;
}

export function openUpdateShares(
  collective: Collective,
  backend: Backend,
  states: States,
  { owners, moments }: SharedUpdate,
): UpdateShares {
  const { rank } = collective;
  const named = [...moments];
  const places = Array.from(owners, ([name, owner]) => ({ buffer: states.get(name)!, owner }));
  const readFloats = async (buffer: DeviceBuffer) => Float32Array.from(await backend.read(buffer));
  const tell = async (index: number) => {
    const [name, { type, owner }] = named[index]!;
    const values = rank === owner ? await readFloats(states.get(name)!) : new Float32Array(countElements(type.shape));
    await collective.broadcast(values, owner);
    return values;
  };
  return {
    tell,
    findIndex: name => named.findIndex(([own]) => own === name),
    begin: async stored => {
      const isStored = Float64Array.of(stored.length > 0 ? 1 : 0);
      await collective.broadcast(isStored, 0);
      if (isStored[0] === 0) return;
      for (const [name, { type, owner }] of named) {
        if (owner === 0) continue;
        const values = rank === 0 ? findStored(stored, name).read() : new Float32Array(countElements(type.shape));
        await collective.broadcast(values, 0);
        if (rank === owner) backend.write(states.get(name)!, values);
      }
    },
    spread: async () => {
      for (const owner of new Set(owners.values())) {
        const own = places.filter(place => place.owner === owner);
        await broadcastPlaces(
          collective,
          backend,
          own.map(({ buffer }) => buffer),
          owner,
        );
      }
    },
    listMoments: (own, fetch) => {
      const held = new Map(own.map(tensor => [tensor.name, tensor] as const));
      const shared = named.map(([name, { type, owner }]): HeldTensor => {
        const { shape, dtype } = type;
        const elsewhere = { name, shape, ...(dtype === "u8" && { type: "U8" }), read: () => fetch(name, owner) };
        return held.get(name) ?? elsewhere;
      });
      return [...shared, ...own.filter(({ name }) => !moments.has(name))];
    },
  };
}

/** Where they stand, or as one array of the host's. */
async function broadcastPlaces(
  collective: Collective,
  backend: Backend,
  buffers: readonly DeviceBuffer[],
  root: number,
): Promise<void> {
  const packed: { readonly buffer: DeviceBuffer; readonly values: Float32Array }[] = [];
  for (const buffer of buffers) {
    const placed = findPlaced(collective, backend, buffer);
    if (placed !== undefined) await collective.broadcast(placed, root);
    else packed.push({ buffer, values: Float32Array.from(await backend.read(buffer)) });
  }
  const pack = new Float32Array(packed.reduce((total, { values }) => total + values.length, 0));
  let at = 0;
  for (const { values } of packed) {
    pack.set(values, at);
    at += values.length;
  }
  if (at > 0) await collective.broadcast(pack, root);
  if (collective.rank === root) return;
  at = 0;
  for (const { buffer, values } of packed) {
    backend.write(buffer, pack.subarray(at, at + values.length));
    at += values.length;
  }
}

function findStored(stored: readonly StoredTensor[], name: string): StoredTensor {
  const found = stored.find(tensor => tensor.name === name);
  if (found === undefined) throw new Error(`the checkpoint has no ${name}`);
  return found;
}
