// A program's buffers bound to memory, whatever a backend's memory is: states are given, inputs and outputs are made, temporaries lie in
// an arena that moves. And the rules that all backends hold: a state must be given, an input be written once before it is read.

import type { Program, ProgramBuffer } from "../compiler/program/program.ts";
import type { HostArray, HostInputs } from "./backend.ts";

/** Memory that a buffer can be bound to. */
export interface Place {
  readonly bytes: number;
}

export interface BoundBuffers<Bound extends Place> {
  /** By the buffer's index; undefined for temporaries. */
  readonly places: readonly (Bound | undefined)[];
  readonly outputs: ReadonlyMap<string, Bound>;
  /** Writes what is given. An input that simplification found unused has no buffer and is passed over. */
  writeInputs(given: HostInputs): void;
}

/** How a backend makes and fills memory for inputs and outputs. */
export interface Memory<Bound extends Place> {
  allocate(buffer: ProgramBuffer): Bound;
  write(place: Bound, values: HostArray): void;
}

export function bindBuffers<Bound extends Place>(
  { buffers }: Program,
  states: ReadonlyMap<string, Bound>,
  { allocate, write }: Memory<Bound>,
): BoundBuffers<Bound> {
  const inputs = new Map<string, Bound>();
  const outputs = new Map<string, Bound>();
  const places = buffers.map(buffer => {
    const { kind, name, bytes } = buffer;
    if (kind === "temporary") return undefined;
    if (kind === "state") {
      const state = findState(states, name);
      if (state.bytes !== bytes) throw new Error(`state ${name} has ${state.bytes} bytes, the graph's ${bytes}`);
      return state;
    }
    const place = allocate(buffer);
    (kind === "input" ? inputs : outputs).set(name, place);
    return place;
  });
  const unwritten = new Set(inputs.keys());
  const writeInputs = (given: HostInputs) => {
    for (const [name, values] of Object.entries(given)) {
      unwritten.delete(name);
      const place = inputs.get(name);
      if (place !== undefined) write(place, readHostInput(values));
    }
    for (const name of unwritten) refuseUnwritten(name);
  };
  return { places, outputs, writeInputs };
}

/** A number stands for one element. */
export const readHostInput = (values: HostArray | number): HostArray =>
  typeof values === "number" ? Float64Array.of(values) : values;

export function findState<State>(states: ReadonlyMap<string, State>, name: string): State {
  const found = states.get(name);
  if (found === undefined) throw new Error(`the graph uses state ${name}, which was not given`);
  return found;
}

export function refuseUnwritten(name: string): never {
  throw new Error(`input ${name} was never written`);
}
