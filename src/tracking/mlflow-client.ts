// Requests to an MLflow tracking server (REST API 2.0): the five that a run needs. Who asks is told by the variables that
// MLflow's own client reads; neither a token nor a password is ever in a message.

import { z } from "zod";
import { AnswerError, readBodyText } from "../base/answer-body.ts";
import { UserError } from "../base/errors.ts";
import { makePrintable } from "../base/printable.ts";

/** What one request may hold (MLflow's documentation of log-batch). */
export const mostMetrics = 1000;
const mostParams = 100;
/** A value that is longer is cut: 500 is the least that a server of MLflow 2 takes. */
const longestParam = 500;

export interface Metric {
  readonly key: string;
  readonly value: number;
  /** Milliseconds of the date. */
  readonly timestamp: number;
  readonly step: number;
}

export type RunStatus = "RUNNING" | "FINISHED" | "KILLED" | "FAILED";

export interface MlflowClient {
  /** The experiment of this name, made where there is none. */
  openExperiment(name: string, signal: AbortSignal): Promise<string>;
  /** Begins a run and returns its id. */
  createRun(run: { experiment: string; name: string; beganAt: number }, signal: AbortSignal): Promise<string>;
  logParams(run: string, params: ReadonlyMap<string, string>, signal: AbortSignal): Promise<void>;
  /** At most `mostMetrics`. */
  logMetrics(run: string, metrics: readonly Metric[], signal: AbortSignal): Promise<void>;
  /** `endedAt` in milliseconds of the date, for a run that has ended. */
  setStatus(run: string, status: RunStatus, endedAt: number | undefined, signal: AbortSignal): Promise<void>;
}

/** An answer that is no success, or none: `status` is undefined where the server was not reached. */
export class MlflowFailure extends Error {
  readonly status: number | undefined;
  readonly code: string | undefined;

  constructor(message: string, status?: number, code?: string) {
    super(message);
    this.name = "MlflowFailure";
    this.status = status;
    this.code = code;
  }

  /** Whether the same request may succeed later. */
  get isPassing(): boolean {
    const { status } = this;
    return status === undefined || status === 408 || status === 429 || status >= 500;
  }

  get isAbsence(): boolean {
    return this.status === 404 || this.code === "RESOURCE_DOES_NOT_EXIST";
  }
}

/** The address as it is stored and compared. E_OPTION for what is no tracking server's. */
export function checkTrackingUri(uri: string): string {
  const url = URL.canParse(uri) ? new URL(uri) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new UserError(
      "E_OPTION",
      `--mlflow ${uri.replace(/\/\/.*@/, "//…@")}: no address of a tracking server`,
      "Give one like http://127.0.0.1:5000; mlflow server starts one.",
    );
  }
  if (url.username !== "" || url.password !== "") {
    throw new UserError(
      "E_OPTION",
      `--mlflow: a name and a password in the address of ${url.host}`,
      "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, and leave them out there.",
    );
  }
  return `${url.origin}${url.pathname}`.replace(/\/+$/, "");
}

/** The variables of MLflow's own client, in its order. */
function authorize(environment: NodeJS.ProcessEnv): Record<string, string> {
  const { MLFLOW_TRACKING_USERNAME: name, MLFLOW_TRACKING_PASSWORD: password } = environment;
  const { MLFLOW_TRACKING_TOKEN: token } = environment;
  if (name && password) return { Authorization: `Basic ${Buffer.from(`${name}:${password}`).toString("base64")}` };
  return token ? { Authorization: `Bearer ${token}` } : {};
}

const experimentAnswer = z.object({ experiment: z.object({ experiment_id: z.string() }) });
const createdExperiment = z.object({ experiment_id: z.string() });
const createdRun = z.object({ run: z.object({ info: z.object({ run_id: z.string() }) }) });

/** @param uri what checkTrackingUri gave */
export function openMlflowClient(uri: string, environment: NodeJS.ProcessEnv): MlflowClient {
  const authorization = authorize(environment);
  const ask = async (method: "GET" | "POST", path: string, body: object | undefined, signal: AbortSignal) => {
    let response: Response;
    let text: string;
    try {
      response = await fetch(`${uri}/api/2.0/mlflow/${path}`, {
        method,
        headers: { ...authorization, ...(body && { "Content-Type": "application/json" }) },
        ...(body && { body: JSON.stringify(body) }),
        // Where a redirect leads was not named, and is not shown who asks.
        redirect: "error",
        signal,
      });
      text = await readBodyText(response);
    } catch (error) {
      // A server that answers without an end is no server of MLflow.
      if (error instanceof AnswerError) throw new MlflowFailure(`${path.split("?")[0]}: ${error.message}`, 400);
      throw new MlflowFailure(explainUnreached(error));
    }
    const answer = parse(text);
    if (response.ok && answer !== undefined) return answer;
    const { error_code: code, message } = (answer ?? {}) as { error_code?: unknown; message?: unknown };
    const said =
      typeof message === "string" ? `: ${makePrintable(message, 300)}` : answer === undefined ? ": no JSON" : "";
    const name = typeof code === "string" ? makePrintable(code, 100) : undefined;
    const seen = `${path.split("?")[0]} answered ${response.status}${name === undefined ? "" : ` ${name}`}${said}`;
    throw new MlflowFailure(seen, response.ok ? 501 : response.status, name);
  };
  const read = <T>(schema: z.ZodType<T>, answer: unknown, path: string): T => {
    const checked = schema.safeParse(answer);
    if (checked.success) return checked.data;
    throw new MlflowFailure(`${path} answered with something else than MLflow does`, 400);
  };
  const findExperiment = async (name: string, signal: AbortSignal) => {
    const path = `experiments/get-by-name?experiment_name=${encodeURIComponent(name)}`;
    const answer = await ask("GET", path, undefined, signal);
    return read(experimentAnswer, answer, "experiments/get-by-name").experiment.experiment_id;
  };
  return {
    openExperiment: async (name, signal) => {
      try {
        return await findExperiment(name, signal);
      } catch (error) {
        if (!(error instanceof MlflowFailure && error.code === "RESOURCE_DOES_NOT_EXIST")) throw error;
      }
      try {
        const made = await ask("POST", "experiments/create", { name }, signal);
        return read(createdExperiment, made, "experiments/create").experiment_id;
      } catch (error) {
        // Another run of the same minute may have been faster.
        if (error instanceof MlflowFailure && error.code === "RESOURCE_ALREADY_EXISTS") {
          return findExperiment(name, signal);
        }
        throw error;
      }
    },
    createRun: async ({ experiment, name, beganAt }, signal) => {
      const tags = [
        { key: "mlflow.runName", value: name },
        { key: "mlflow.source.name", value: "cram pretrain" },
      ];
      const run = { experiment_id: experiment, run_name: name, start_time: beganAt, tags };
      return read(createdRun, await ask("POST", "runs/create", run, signal), "runs/create").run.info.run_id;
    },
    logParams: async (run, params, signal) => {
      const all = [...params].map(([key, value]) => ({ key, value: value.slice(0, longestParam) }));
      for (let i = 0; i < all.length; i += mostParams) {
        await ask("POST", "runs/log-batch", { run_id: run, params: all.slice(i, i + mostParams) }, signal);
      }
    },
    logMetrics: async (run, metrics, signal) => {
      await ask("POST", "runs/log-batch", { run_id: run, metrics }, signal);
    },
    setStatus: async (run, status, endedAt, signal) => {
      const ended = endedAt === undefined ? {} : { end_time: endedAt };
      await ask("POST", "runs/update", { run_id: run, status, ...ended }, signal);
    },
  };
}

function parse(text: string): unknown {
  try {
    return text === "" ? {} : JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What fetch says is "fetch failed"; why stands in its cause. */
function explainUnreached(error: unknown): string {
  const { name, cause } = error as Error;
  if (name === "TimeoutError" || name === "AbortError") return "it did not answer in time";
  const { code, message } = (cause ?? error) as NodeJS.ErrnoException;
  return code ?? message;
}
