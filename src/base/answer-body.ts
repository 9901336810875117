// The body of a server's answer, read within bounds of size and time: whoever answers, a person or a program goes on. A body that
// is packed counts unpacked.

export interface BodyBounds {
  readonly mostBytes: number;
  /** The longest time in which nothing comes. */
  readonly idleSeconds: number;
}

/** Of answers that are JSON or an error's text. */
export const answerBounds: BodyBounds = { mostBytes: 1 << 20, idleSeconds: 60 };

/** What breaks the bounds; its message says how. */
export class AnswerError extends Error {}

/** The pieces of a body. Errors: AnswerError, and fetch's own where the connection breaks. */
export async function* readBody(
  response: Response,
  { mostBytes, idleSeconds }: BodyBounds,
): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  let bytes = 0;
  try {
    for (;;) {
      const { done, value } = await inTime(reader.read(), idleSeconds);
      if (done) return;
      bytes += value.byteLength;
      if (bytes > mostBytes) throw new AnswerError(`more than ${mostBytes} bytes came`);
      yield value;
    }
  } finally {
    // Not awaited: a server that does not answer does not end either.
    reader.cancel().catch(() => {});
  }
}

/** A whole body as text. */
export async function readBodyText(response: Response, bounds: BodyBounds = answerBounds): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of readBody(response, bounds)) parts.push(part);
  return Buffer.concat(parts).toString("utf8");
}

async function inTime<T>(work: Promise<T>, seconds: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new AnswerError(`nothing came for ${seconds} seconds`)), 1000 * seconds);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
