// How many of something there are, in words: 1 document, 2,345 documents.

/** `noun` is one of them; more of them end in an s. `show` writes the number. */
export function countOf(
  count: number,
  noun: string,
  show: (count: number) => string = value => value.toLocaleString("en-US"),
): string {
  return `${show(count)} ${noun}${count === 1 ? "" : "s"}`;
}
