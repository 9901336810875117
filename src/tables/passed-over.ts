// What a walk through folders did not read, counted by reason: nothing of a person's data is left out without a word.

export interface PassedOver {
  readonly reason: string;
  count: number;
  /** Where the first three are. */
  readonly first: string[];
}

/** Counts what is passed over. */
export function passOver(passed: PassedOver[], reason: string, path: string): void {
  let entry = passed.find(each => each.reason === reason);
  if (entry === undefined) passed.push((entry = { reason, count: 0, first: [] }));
  entry.count += 1;
  if (entry.first.length < 3) entry.first.push(path);
}

/** Reasons that name what they count, as they begin: several of them, and one. */
const things = [
  ["binary files", "binary file"],
  ["broken documents", "broken document"],
  ["broken lines", "broken line"],
  ["rests of files", "rest of a file"],
  ["tables whose names say", "table whose name says"],
] as const;

/** "4 hidden", "1 binary file", "2 binary files" */
export function countReason({ reason, count }: Pick<PassedOver, "reason" | "count">): string {
  const thing = things.find(([several]) => reason.startsWith(several));
  const named = count === 1 && thing !== undefined ? thing[1] + reason.slice(thing[0].length) : reason;
  return `${count.toLocaleString("en-US")} ${named}`;
}

/** "passed over 4 hidden: a, b, c, …" */
export function describePassedOver({ reason, count, first }: PassedOver): string {
  return `passed over ${countReason({ reason, count })}: ${first.join(", ")}${count > first.length ? ", …" : ""}`;
}
