// Which rows of a lazy parameter a step touches: those that any of its micro-batches reads. All are known before the first of them, so that
// their gradients are added up row by row.

import type { HostInputs } from "../../backends/backend.ts";
import { listTouched } from "../../optim/lazy-rows.ts";
import type { TrainingDefinition } from "./training-definition.ts";

export interface Touched {
  /** All micro-batches of the step that begins. */
  foresee(batches: readonly HostInputs[]): void;
  /** What a micro-batch reads beside itself. The first of a step that nobody foresaw is all of it. */
  listBatchInputs(batch: HostInputs, isFirst: boolean): HostInputs;
  /** What the step's update reads. The next step has rows of its own. */
  listUpdateInputs(): HostInputs;
  /** Of the rows that the last update was given, FNV-1a a row. */
  hashRows(): number;
}

/** Undefined where no update is lazy. */
export function createTouched({
  lazy,
  parameters,
}: Pick<TrainingDefinition, "lazy" | "parameters">): Touched | undefined {
  if (lazy === undefined) return undefined;
  const { parameter, most, readBy } = lazy;
  const [vocabulary] = parameters.get(parameter)! as readonly [number, number];
  const listIndices = (batch: HostInputs) => readBy.map(name => batch[name] as Int32Array);
  const list = (batches: readonly HostInputs[]) => listTouched(batches.flatMap(listIndices), vocabulary, most);
  let [current, isForeseen] = [list([]), false];
  const foresee = (batches: readonly HostInputs[]) => {
    current = list(batches);
    isForeseen = true;
  };
  return {
    foresee,
    listBatchInputs: (batch, isFirst) => {
      const isAlone = isFirst && !isForeseen;
      if (isAlone) current = list([batch]);
      const { touchedRows, touchedPlaces } = current;
      const isKnown = (row: number) => touchedRows![touchedPlaces![row]!] === row;
      if (!isAlone && !listIndices(batch).every(rows => rows.every(isKnown)))
        throw new Error(`a micro-batch reads rows of ${parameter} that its step did not foresee`);
      return { touchedPlaces: touchedPlaces! };
    },
    listUpdateInputs: () => {
      isForeseen = false;
      const { touchedRows, touchedCount } = current;
      return { touchedRows: touchedRows!, touchedCount: touchedCount! };
    },
    hashRows: () => {
      const rows = current.touchedRows!.subarray(0, current.touchedCount![0]);
      return rows.reduce((hash, row) => Math.imul(hash ^ row, 0x01000193), 0x811c9dc5) >>> 0;
    },
  };
}
