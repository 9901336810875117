// The bytes of a file of the hub, in their order and to the last one: where a connection breaks, on from what came. A whole file that
// lies in Xet's storage comes out of it by the hub's own library; any other, and a part of one, by ranges of HTTP.

import { AnswerError, readBody } from "../base/answer-body.ts";
import { PassingFailure, type Patience, tryAgain } from "../base/patience.ts";
import { createClientFetch, explainFault } from "./client-fetch.ts";
import { askHub, type Hub } from "./hub.ts";
import { addressOf, encodePath, type RemoteFile, type Repository } from "./remote-files.ts";

const idleSeconds = 60;

export interface RemoteBytes {
  readonly hub: Hub;
  readonly repository: Repository;
  readonly file: RemoteFile;
  readonly start: number;
  readonly end: number;
  readonly patience: Patience;
}

/** The bytes from `start` to before `end`. UserErrors: E_HUB, E_HUB_TOKEN. */
export async function* readRemoteBytes({ patience, ...wanted }: RemoteBytes): AsyncGenerator<Uint8Array> {
  const { file, end } = wanted;
  const isWhole = wanted.start === 0 && end === file.size;
  const open = (start: number) =>
    isWhole && file.xetHash !== undefined ? readFromXet({ ...wanted, start, patience }) : ask({ ...wanted, start });
  let at = wanted.start;
  while (at < end) {
    let parts: AsyncGenerator<Uint8Array> | undefined;
    let begun = at;
    const next = () =>
      tryAgain(async () => {
        parts ??= open((begun = at));
        try {
          return await parts.next();
        } catch (error) {
          parts = undefined;
          if (at === begun || !(error instanceof PassingFailure)) throw error;
          return undefined; // what came is there: the rest is asked for with new patience
        }
      }, patience);
    try {
      for (let part = await next(); part !== undefined && part.done !== true; part = await next()) {
        at += part.value.length;
        yield part.value;
      }
    } finally {
      await parts?.return(undefined);
    }
  }
}

type Wanted = Omit<RemoteBytes, "patience">;

/** As many as come. */
async function* ask({ hub, repository, file, start, end }: Wanted): AsyncGenerator<Uint8Array> {
  const { size } = file;
  const isPartial = start > 0 || end < size;
  const request = isPartial ? { range: { start, end } } : {};
  const response = await askHub(hub, addressOf(repository, file.path), request);
  const isPart = response.status === 206;
  const told = response.headers.get(isPart ? "Content-Range" : "Content-Length");
  const isPacked = response.headers.has("Content-Encoding");
  if (told !== null && !isPacked && told !== (isPart ? `bytes ${start}-${end - 1}/${size}` : `${size}`)) {
    response.body?.cancel().catch(() => {});
    throw fail(repository, file, `is listed with ${size} bytes, and the hub answers with ${told}`);
  }
  // A server that knows no ranges sends it all.
  let skip = isPart ? 0 : start;
  let left = end - start;
  try {
    for await (const part of readBody(response, { mostBytes: isPart ? left : size, idleSeconds })) {
      const wanted = part.subarray(skip, skip + left);
      skip -= Math.min(skip, part.length);
      left -= wanted.length;
      if (wanted.length > 0) yield wanted;
    }
  } catch (cause) {
    if (!(cause instanceof AnswerError || cause instanceof TypeError)) throw cause;
    throw fail(repository, file, cause instanceof AnswerError ? cause.message : "the connection broke", cause);
  }
  if (left > 0) throw fail(repository, file, `it ended ${left} bytes early`);
}

/** The same out of Xet's storage, a term of chunks after another. */
async function* readFromXet({ hub, repository, file, start, end, patience }: RemoteBytes): AsyncGenerator<Uint8Array> {
  const { downloadFile } = await import("@huggingface/hub");
  const { kind, repository: name, revision } = repository;
  try {
    const blob = await downloadFile({
      repo: { type: kind === "models" ? "model" : "dataset", name },
      ...{ path: encodePath(file.path), revision, hubUrl: hub.endpoint },
      // Chunks have headers, and a block of them may hold more than the file.
      fetch: createClientFetch(hub, patience, { mostBytes: 2 * file.size + 2 ** 27, idleSeconds }),
    });
    if (blob === null || blob.size !== file.size)
      throw new Error(`${blob?.size ?? "no"} bytes, listed with ${file.size}`);
    let left = end - start;
    for await (const part of blob.slice(start, end).stream() as AsyncIterable<Uint8Array>) {
      if (part.length > left) throw new Error("more bytes than were asked for");
      left -= part.length;
      yield part;
    }
    if (left > 0) throw new Error(`it ended ${left} bytes early`);
  } catch (fault) {
    const { code, message } = explainFault(hub, fault) as Error & { code?: string };
    if (code === "E_HUB") throw fail(repository, file, message, fault);
    throw explainFault(hub, fault);
  }
}

const fail = ({ repository }: Repository, { path }: RemoteFile, seen: string, cause?: unknown): PassingFailure =>
  new PassingFailure(
    "E_HUB",
    `${repository}/${path}: ${seen}`,
    "Run the same command again; what came whole is kept.",
    {
      cause,
    },
  );
