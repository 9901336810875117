// Requests to the Hugging Face Hub, or another server that speaks as it does. The token goes to that server alone, never to the
// storage that it names, and into no message.

import { homedir } from "node:os";
import { join } from "node:path";
import { AnswerError, answerBounds, readBodyText } from "../base/answer-body.ts";
import { systemClock } from "../base/clock.ts";
import { UserError } from "../base/errors.ts";
import { readText } from "../base/files/files.ts";
import { PassingFailure } from "../base/patience.ts";
import { makePrintable } from "../base/printable.ts";

export interface Hub {
  /** "https://huggingface.co", without a slash at its end. */
  readonly endpoint: string;
  readonly token: string | undefined;
}

export interface HubRequest {
  readonly type?: string;
  /** Makes it a POST. */
  readonly body?: string;
  /** Of a file: bytes from `start` to before `end`. */
  readonly range?: { readonly start: number; readonly end: number };
  /** Answers that are no error, beside success. */
  readonly accept?: readonly number[];
}

/** Until an answer begins: a minute, and time for what is sent over a slow line. */
const secondsToAnswer = (bytesSent: number) => answerBounds.idleSeconds + bytesSent / 50e3;

/** UserError E_OPTION where it is no address of the web, or would send the token unencrypted to another machine. */
export function openHub(endpoint: string, token: string | undefined): Hub {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  const isLocal = url !== undefined && /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname);
  if (url?.protocol !== "https:" && !(url?.protocol === "http:" && (isLocal || token === undefined))) {
    throw new UserError("E_OPTION", `${endpoint}: no address of a hub`, "Give one that begins with https://.");
  }
  return { endpoint: url.href.replace(/\/+$/, ""), token: token === "" ? undefined : token };
}

const huggingFace = "https://huggingface.co";

/**
 * The hub of HF_ENDPOINT, else Hugging Face's, with the token of HF_TOKEN, else what `hf auth login` stored, which is for Hugging Face's
 * hub and sent to no other. UserError E_OPTION.
 */
export function openOwnHub(endpoint = process.env.HF_ENDPOINT || huggingFace): Hub {
  const { HF_TOKEN: token } = process.env;
  const hub = openHub(endpoint, token);
  return hub.token === undefined && hub.endpoint === huggingFace ? openHub(endpoint, readStoredToken()) : hub;
}

/** Where Python's huggingface_hub keeps it; undefined where nobody logged in. */
function readStoredToken(): string | undefined {
  const { HF_TOKEN_PATH: path, HF_HOME: home, XDG_CACHE_HOME: cache } = process.env;
  try {
    // A user without a home is nobody who logged in.
    const folder = home || join(cache || join(homedir(), ".cache"), "huggingface");
    return readText(path || join(folder, "token"), "a login", 4096).trim();
  } catch {
    return undefined;
  }
}

/** "user/name" as it stands in addresses. UserError E_OPTION for anything else. */
export function checkRepository(name: string): string {
  if (/^[\w-][\w.-]*\/[\w-][\w.-]*$/.test(name)) return name;
  throw new UserError("E_OPTION", `${name}: no name of a repository`, "Write user/name.");
}

/**
 * Asks the hub; `path` is below the endpoint, or a whole address, which gets the token only where it is the hub's. A redirect to
 * another host is followed without it. UserErrors: E_HUB, a PassingFailure where it may pass, E_HUB_TOKEN.
 */
export async function askHub(hub: Hub, path: string, request: HubRequest = {}): Promise<Response> {
  const url = path.startsWith("/") ? `${hub.endpoint}${path}` : path;
  const { type, body, range, accept = [] } = request;
  const headers = new Headers({
    ...(type !== undefined && { "Content-Type": type }),
    ...(range !== undefined && { Range: `bytes=${range.start}-${range.end - 1}` }),
  });
  const response = await send(hub, url, { headers, ...(body !== undefined && { method: "POST", body }) }, body?.length);
  if (response.ok || accept.includes(response.status)) return response;
  const { origin, pathname } = new URL(url);
  throw await explainRefusal(hub, `${origin}${pathname}`, response);
}

/** A request, with what the hub's own need; its answer may be a refusal. UserError E_HUB, a PassingFailure where nobody answers. */
export async function send(hub: Hub, url: string, request: RequestInit, bytesSent = 0): Promise<Response> {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new UserError(
      "E_HUB",
      `the hub names ${makePrintable(url, 100)}, which is no address`,
      "Check the address: --endpoint, or HF_ENDPOINT.",
    );
  }
  const headers = new Headers(request.headers);
  const isOwn = new URL(url).origin === new URL(hub.endpoint).origin;
  if (isOwn && hub.token !== undefined) headers.set("Authorization", `Bearer ${hub.token}`);
  // What is listed with a size comes with that size.
  headers.set("Accept-Encoding", "identity");
  const stop = new AbortController();
  const seconds = secondsToAnswer(bytesSent);
  const timer = setTimeout(
    () => stop.abort(new AnswerError(`no answer in ${Math.round(seconds)} seconds`)),
    1000 * seconds,
  );
  const signal = request.signal ? AbortSignal.any([request.signal, stop.signal]) : stop.signal;
  try {
    return await fetch(url, { ...request, headers, signal });
  } catch (cause) {
    request.signal?.throwIfAborted();
    const reason = ((cause as Error).cause as Error | undefined)?.message ?? (cause as Error).message;
    const seen = `${new URL(url).origin}: cannot be reached: ${reason}`;
    throw new PassingFailure("E_HUB", seen, "Check the network, and --endpoint or HF_ENDPOINT where one is given.", {
      cause,
    });
  } finally {
    clearTimeout(timer);
  }
}

/** The JSON of an answer; `read` takes what is needed of it, or throws. */
export async function readAnswer<T>(response: Response, read: (value: unknown) => T): Promise<T> {
  try {
    return read(JSON.parse(await readBodyText(response)));
  } catch (cause) {
    const seen = `${new URL(response.url).pathname}: not an answer of a hub: ${(cause as Error).message.slice(0, 200)}`;
    throw new UserError("E_HUB", seen, "Check the address: --endpoint, or HF_ENDPOINT.", { cause });
  }
}

/** Of an answer that is no success: a PassingFailure where it may pass, with the time that the server asks for. */
export async function explainRefusal(hub: Hub, address: string, response: Response): Promise<UserError> {
  const text = (await readBodyText(response).catch(() => "")).slice(0, 300);
  const error = describeRefusal(hub, address, response.status, text);
  if (!passing.includes(response.status)) return error;
  const afterSeconds = readRetryAfter(response.headers.get("Retry-After"));
  return new PassingFailure("E_HUB", error.message, "Try again later.", { afterSeconds });
}

/** What a refusal means; the token is not in it. */
export function describeRefusal({ token }: Hub, address: string, status: number, text: string): UserError {
  const said = token === undefined ? text : text.replaceAll(token, "…");
  const seen = `${address}: refused with ${status}${said === "" ? "" : `: ${said}`}`;
  if (status === 401 || status === 403) {
    return new UserError(
      "E_HUB_TOKEN",
      seen,
      "Check the name, and log in with hf auth login or set HF_TOKEN to a token that may do this; its page is /settings/tokens.",
    );
  }
  return new UserError("E_HUB", seen, status === 404 ? "Check the repository's name." : "Try again later.");
}

/** A time-out, too many requests, and what is wrong with a server for a while. */
export const passing: readonly number[] = [408, 425, 429, 500, 502, 503, 504];

/** Seconds, or a date (RFC 9110, 10.2.3). */
function readRetryAfter(given: string | null): number | undefined {
  if (given === null) return undefined;
  const seconds = /^\d+$/.test(given) ? Number(given) : (Date.parse(given) - systemClock.date().getTime()) / 1000;
  return seconds >= 0 ? seconds : undefined;
}
