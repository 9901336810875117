// What came of ranks that something happened to, and the table of it: a row for each fault and library, and in its cells the ways to train.

import type { MpiName } from "../src/collective/mpi/mpi-library.ts";
import type { Printed } from "./own/trained-ranks.ts";

export const libraries = ["Open MPI", "MPICH"] as const satisfies readonly MpiName[];

/** Hung is what has not ended by then. */
export const patienceSeconds = 60;

export interface Outcome {
  /** Until every process was gone; undefined of what had to be killed. */
  readonly seconds: number | undefined;
  readonly printed: readonly Printed[];
  /** The last step that rank 0 told, and that of the newest checkpoint. */
  readonly told: number;
  readonly kept: number | undefined;
  /** "yes" or what is wrong. */
  readonly resumed: string;
}

/** A case as it is told in JSON. */
export interface Case extends Outcome {
  readonly fault: string;
  readonly library: MpiName;
  /** How they trained. */
  readonly way: string;
}

/** Of the faults in this order, as Markdown: the table of docs/CLUSTER.md. */
export function writeTable(cases: readonly Case[], faults: readonly string[]): string {
  const rows = faults.flatMap(name =>
    libraries.flatMap(library => {
      const own = cases.filter(each => each.fault === name && each.library === library);
      return own.length === 0 ? [] : [describeRow(name, library, own)];
    }),
  );
  const columns = ["fault", "by", "seconds", "printed", "last step: kept", "goes on"];
  return [columns, columns.map(() => "---"), ...rows].map(row => `| ${row.join(" | ")} |`).join("\n");
}

function describeRow(name: string, library: MpiName, cases: readonly Case[]): string[] {
  const seconds = cases.map(({ seconds }) => seconds?.toFixed(1) ?? `more than ${patienceSeconds}`);
  const printed = [...new Set(cases.map(({ printed }) => describePrinted(printed)))];
  // What mpirun did not pass on any more was done all the same.
  const steps = cases.map(({ told, kept = 0 }) => `${Math.max(told, kept)}: ${kept}`);
  const resumed = [...new Set(cases.map(({ resumed }) => resumed))];
  return [name, library, seconds.join(", "), printed.join(" / "), steps.join(", "), resumed.join(" / ")];
}

/** Ranks' own words, without what they all end with. */
function describePrinted(printed: readonly Printed[]): string {
  const own = printed.flatMap(({ rank, text }) => {
    if (/^rank \d/.test(text)) return [text.split("; every rank ends")[0]!];
    const [, code] = /"code":"(E_\w+)"/.exec(text) ?? [];
    const said = code ?? (text.startsWith("stopping") ? "stopping, the step is saved" : undefined);
    if (said === undefined) return [];
    return [rank === undefined ? said : `rank ${rank}: ${said}`];
  });
  return own.length === 0 ? "nothing" : [...new Set(own)].sort().join("; ");
}
