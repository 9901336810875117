// Bytes to lines, without holding more of a file than its longest line. Lines come in batches, because handing each one
// over by itself costs more than finding it.

import { UserError } from "../base/errors.ts";

/**
 * The lines of a stream of bytes, all that end in one piece of it at a time. A line keeps its "\n"; the last need not have
 * one. UserError E_TEXT_TOO_LONG, naming `path` and the line, once a line is longer than `longestBytes`.
 */
export async function* splitLines(
  pieces: AsyncIterable<Buffer>,
  path: string,
  longestBytes: number,
): AsyncGenerator<Buffer[]> {
  let begun: Buffer[] = [];
  let begunBytes = 0;
  let linesEnded = 0;
  for await (const piece of pieces) {
    const lines: Buffer[] = [];
    let start = 0;
    for (let end = piece.indexOf(10) + 1; end > 0; end = piece.indexOf(10, start) + 1) {
      const line = piece.subarray(start, end);
      lines.push(begun.length === 0 ? line : Buffer.concat([...begun, line]));
      if (begun.length > 0) begun = [];
      begunBytes = 0;
      start = end;
    }
    if (start < piece.length) {
      begun.push(piece.subarray(start));
      begunBytes += piece.length - start;
    }
    linesEnded += lines.length;
    if (lines.length > 0) yield lines;
    if (begunBytes > longestBytes) {
      throw new UserError(
        "E_TEXT_TOO_LONG",
        `${path}:${linesEnded + 1}: a line of more than ${longestBytes / 2 ** 20} MiB`,
        "A .jsonl file holds one document a line; write it so, with long documents cut into several.",
      );
    }
  }
  if (begun.length > 0) yield [Buffer.concat(begun)];
}
