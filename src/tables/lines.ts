// Bytes to lines, without holding more of a file than its longest line. Lines come in batches, because handing each one
// over by itself costs more than finding it.

import { UserError } from "../base/errors.ts";

/**
 * The lines of a stream of bytes, all that end in one piece of it at a time. A line keeps its "\n"; the last need not have
 * one. `onLong` is told the number of a line of more than `longestBytes` and refuses it, as E_TEXT_TOO_LONG that names `path`; where it
 * does not, the line comes without its content.
 */
export async function* splitLines(
  pieces: AsyncIterable<Buffer>,
  path: string,
  longestBytes: number,
  onLong: (line: number) => void = line => {
    throw refuseLong(path, line, longestBytes);
  },
): AsyncGenerator<Buffer[]> {
  let begun: Buffer[] = [];
  let begunBytes = 0;
  let linesEnded = 0;
  for await (const piece of pieces) {
    let lines: Buffer[] = [];
    for (let start = 0; start < piece.length; ) {
      const end = piece.indexOf(10, start) + 1;
      let part = piece.subarray(start, end === 0 ? undefined : end);
      start += part.length;
      begunBytes += part.length;
      if (begunBytes > longestBytes) {
        if (begunBytes - part.length <= longestBytes) {
          // What stands before it comes before its error.
          if (lines.length > 0) yield lines;
          linesEnded += lines.length;
          lines = [];
          onLong(linesEnded + 1);
        }
        begun = [];
        part = part.subarray(end === 0 ? part.length : -1);
      }
      if (end === 0) {
        begun.push(part);
        continue;
      }
      lines.push(begun.length === 0 ? part : Buffer.concat([...begun, part]));
      if (begun.length > 0) begun = [];
      begunBytes = 0;
    }
    linesEnded += lines.length;
    if (lines.length > 0) yield lines;
  }
  if (begun.length > 0) yield [Buffer.concat(begun)];
}

/** The error of a line that is too long. */
export function refuseLong(path: string, line: number, longestBytes: number): UserError {
  return new UserError(
    "E_TEXT_TOO_LONG",
    `${path}:${line}: a line of more than ${longestBytes / 2 ** 20} MiB`,
    "A .jsonl file holds one document a line; write it so, with long documents cut into several.",
  );
}
