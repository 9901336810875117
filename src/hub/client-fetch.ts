// What @huggingface/hub asks with: requests as ours are, so whoever makes one, the token goes to the hub alone, who is silent is not
// waited for, what may pass is tried again, and no answer is longer than it may be. The library never sees the token.

import { type BodyBounds, readBody } from "../base/answer-body.ts";
import { UserError } from "../base/errors.ts";
import { type Patience, tryAgain } from "../base/patience.ts";
import { describeRefusal, explainRefusal, type Hub, passing, send } from "./hub.ts";

/** What the library gives beside a request, to be told how much of a body is sent: of a file, or of a part of it. */
interface ProgressHint {
  readonly progressCallback: (share: number) => void;
  readonly part?: number;
  readonly numParts?: number;
}
interface ClientRequest extends RequestInit {
  readonly progressHint?: ProgressHint;
}

/** `fetch` for calls of the library. Errors: those of `send`, and of a refusal that may pass, as UserErrors. */
export function createClientFetch(hub: Hub, patience: Patience, bounds: BodyBounds): typeof fetch {
  const countParts = createPartCounter();
  return async (input, init: ClientRequest = {}) => {
    const { progressHint, body, ...request } = init;
    const url = input instanceof Request ? input.url : String(input);
    const tell = progressHint === undefined ? undefined : countParts(progressHint);
    const response = await tryAgain(async () => {
      const answer = await send(hub, url, { ...request, ...streamBody(body, request.headers, tell) }, sizeOf(body));
      if (!passing.includes(answer.status)) return answer;
      throw await explainRefusal(hub, withoutQuery(url), answer);
    }, patience);
    if (response.ok) tell?.(1);
    return boundAnswer(response, withoutQuery(url), bounds);
  };
}

/** What the library threw, as a person should see it. */
export function explainFault(hub: Hub, fault: unknown): Error {
  if (fault instanceof UserError) return fault;
  if (fault instanceof Error && "code" in fault && typeof fault.code === "string" && /^E[A-Z]+$/.test(fault.code))
    return fault; // the system's, of a file here
  const { statusCode, url, data, message } = fault as Partial<Record<string, unknown>>;
  // Its streams break with words alone.
  const said = String(typeof fault === "string" ? fault : message).slice(0, 300);
  if (typeof statusCode !== "number") {
    const seen = hub.token === undefined ? said : said.replaceAll(hub.token, "…");
    return new UserError("E_HUB", `not an answer of a hub: ${seen}`, "Try again later.", { cause: fault });
  }
  const { error, message: text } = (data ?? {}) as { error?: string; message?: string };
  return describeRefusal(hub, String(url), statusCode, (error ?? text ?? said).slice(0, 300));
}

const withoutQuery = (url: string) => url.split("?")[0]!;

const sizeOf = (body: RequestInit["body"]): number =>
  body instanceof Blob ? body.size : typeof body === "string" || body instanceof Uint8Array ? body.length : 0;

/** A body that says what of it was sent, with its length, for storages take none without. */
function streamBody(
  body: RequestInit["body"],
  given: RequestInit["headers"],
  tell: ((share: number) => void) | undefined,
): RequestInit {
  if (tell === undefined || !(body instanceof Blob || body instanceof Uint8Array)) return { body: body ?? null };
  const headers = new Headers(given);
  const blob = body instanceof Blob ? body : new Blob([body as Uint8Array<ArrayBuffer>]);
  headers.set("Content-Length", String(blob.size));
  return { headers, body: countPieces(blob, tell), duplex: "half" } as RequestInit;
}

const pieceBytes = 1 << 18;

function countPieces(blob: Blob, tell: (share: number) => void): ReadableStream<Uint8Array> {
  let sent = 0;
  return new ReadableStream({
    async pull(controller) {
      const piece = await blob.slice(sent, sent + pieceBytes).arrayBuffer();
      if (piece.byteLength > 0) controller.enqueue(new Uint8Array(piece));
      sent += piece.byteLength;
      if (blob.size > 0) tell(sent / blob.size);
      if (sent >= blob.size) controller.close();
    },
  });
}

/** The share of a file of which some parts are sent and some are on their way: each file has a callback of its own. */
function createPartCounter(): (hint: ProgressHint) => (share: number) => void {
  const files = new WeakMap<ProgressHint["progressCallback"], number[]>();
  return ({ progressCallback, part = 0, numParts = 1 }) => {
    const shares = files.get(progressCallback) ?? new Array<number>(numParts).fill(0);
    files.set(progressCallback, shares);
    return share => {
      shares[part] = share;
      progressCallback(shares.reduce((sum, each) => sum + each, 0) / numParts);
    };
  };
}

/** The same answer, whose body is read within bounds. */
function boundAnswer(response: Response, url: string, bounds: BodyBounds): Response {
  if (response.body === null) return response;
  const pieces = readBody(response, response.ok ? bounds : { ...bounds, mostBytes: 1 << 20 });
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await pieces.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
    cancel: () => void pieces.return(undefined),
  });
  const { status, statusText, headers } = response;
  const bounded = new Response(body as ReadableStream<Uint8Array<ArrayBuffer>>, { status, statusText, headers });
  Object.defineProperty(bounded, "url", { value: url });
  return bounded;
}
