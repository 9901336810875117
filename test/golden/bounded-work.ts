// Work for bounded-worker.ts that does not end well.

export function spin(): Iterable<number> {
  for (;;);
}

export function grow(): Iterable<number> {
  const held: unknown[] = [];
  for (;;) held.push(new Array(10_000).fill({}));
}

export function failTwice(): Iterable<number> {
  void Promise.reject(new Error("nobody waits for this one"));
  throw new Error("the first");
}
