// Work as every scheduler is told of it: a command, what goes on with it after an interruption, and what it needs. Each of the other files
// says that in one scheduler's words, and nobody else in the house writes these.

/** A word of a command; a pair stands around the number of the member, counted from 1. */
export type Word = string | readonly [before: string, behind: string];

export interface ScheduledJob {
  /** What the scheduler's lists call it. */
  readonly name: string;
  readonly command: readonly Word[];
  /** Run in place of the command where `begun` exists: an attempt that was stopped left it. */
  readonly resume?: { readonly begun: string; readonly command: readonly Word[] } | undefined;
  /** Run once, when every member is done. */
  readonly join?: readonly string[] | undefined;
  /** Members of an array, each with the same command and all that follows; without it there is one. */
  readonly members?: number | undefined;
  /** Machines that work together, of each member. */
  readonly nodes: number;
  /** Ranks of each machine; with `wantsGpu` each has one GPU. */
  readonly devices: number;
  readonly wantsGpu: boolean;
  /** Cores of each rank. */
  readonly threads: number;
  /** Of each machine. */
  readonly memoryBytes?: number | undefined;
  /** After which an attempt is to end, and the next one goes on. */
  readonly seconds?: number | undefined;
}

/** What starts the ranks of a job where no scheduler does; nothing for one. */
export function listMpiWords({ nodes, devices }: ScheduledJob): string[] {
  const ranks = nodes * devices;
  return ranks === 1 ? [] : ["mpirun", "-np", String(ranks), "--bind-to", "none"];
}

/** Memory as schedulers count it, in whole MiB. */
export const countMebibytes = (bytes: number): number => Math.ceil(bytes / 2 ** 20);
