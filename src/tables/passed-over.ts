// What a walk through folders did not read, counted by reason: nothing of a person's data is left out without a word.

export interface PassedOver {
  readonly reason: string;
  count: number;
  /** Where the first three are. */
  readonly first: string[];
}

/** Counts what is passed over. */
export function passOver(passed: PassedOver[], reason: string, place: string): void {
  let entry = passed.find(each => each.reason === reason);
  if (entry === undefined) passed.push((entry = { reason, count: 0, first: [] }));
  entry.count += 1;
  if (entry.first.length < 3) entry.first.push(place);
}

/** "passed over 4 hidden: a, b, c, …" */
export function describePassedOver({ reason, count, first }: PassedOver): string {
  return `passed over ${count.toLocaleString("en-US")} ${reason}: ${first.join(", ")}${count > first.length ? ", …" : ""}`;
}
