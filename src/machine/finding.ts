// What was looked for on this machine, and what was seen: plain data for the doctor to print.

export interface Finding {
  /** What was looked for, in words. */
  readonly name: string;
  readonly group: "machine" | "compiler" | "packages" | "nvidia";
  /** absent: not there, and nothing here needs it. */
  readonly state: "found" | "missing" | "absent";
  /** The version, size or place that was seen; for what is missing, what will not work. */
  readonly detail: string;
  /** true: the cpu backend, which is the default, cannot work without it. */
  readonly needed: boolean;
  /** The command that installs or repairs it; only where something is missing. */
  readonly fix?: string;
}

/** Whether everything that the default backend needs is there. */
export function hasWhatIsNeeded(findings: readonly Finding[]): boolean {
  return findings.every(({ state, needed }) => state === "found" || !needed);
}
