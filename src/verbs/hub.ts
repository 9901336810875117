// An exported model to the Hugging Face Hub, and from there. The token is sent to the hub and nowhere else.

import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../base/clock.ts";
import { UserError } from "../base/errors.ts";
import { refuseUnseen } from "../base/files/read-failure.ts";
import { quoteOwnCommand } from "../base/shell-words.ts";
import { findRun } from "../checkpoint/state.ts";
import { checkRepository, openOwnHub } from "../hub/hub.ts";
import { pullRepository } from "../hub/pull.ts";
import { type OnBytes, pushFolder } from "../hub/push.ts";
import { checkExport } from "../pretrained/export-checksums.ts";
import { findKeptFolder, isModel } from "../pretrained/pretrained-model.ts";
import { type OptionKinds, readOptions, requireText } from "./given-values.ts";
import { createProgress, describeProgress } from "./prepare/stages/progress.ts";

export interface HubChoice {
  /** Address of the hub. Default: HF_ENDPOINT, else https://huggingface.co. */
  readonly endpoint?: string | undefined;
  /** Told how far it is: "fetching model.safetensors: 43 %, 12 MB/s, 20s left". */
  readonly onProgress?: ((text: string) => void) | undefined;
}

export interface PushOptions extends HubChoice {
  /** Of a repository that does not exist yet. Default false. */
  readonly isPrivate?: boolean | undefined;
  /** A branch, which is made where there is none. Default main. */
  readonly revision?: string | undefined;
}

export interface PullOptions extends HubChoice {
  /** Where to. Default: the repository's name, here. */
  readonly out?: string | undefined;
  /** A branch, a tag or a commit. Default main. */
  readonly revision?: string | undefined;
}

const pushOptionKinds: OptionKinds<PushOptions> = {
  ...{ endpoint: "text", isPrivate: "flag", revision: "text", onProgress: "function" },
};
const pullOptionKinds: OptionKinds<PullOptions> = {
  ...{ endpoint: "text", out: "path", revision: "text", onProgress: "function" },
};

/** The repository that a call names, as it stands in addresses. UserError E_OPTION. */
const requireRepository = (call: string, name: unknown) =>
  checkRepository(requireText(call, name, "name", "Write user/name."));

/**
 * Sends an export, or the export of a run, to the repository "user/name", which is made where there is none. The token is HF_TOKEN's, or
 * what `hf auth login` stored. UserErrors: E_EXPORT_CHANGED, E_HUB_TOKEN and those of the hub.
 */
export async function push(
  given: string,
  name: string,
  options: PushOptions = {},
): Promise<{ readonly repository: string; readonly url: string; readonly commit: string }> {
  const { endpoint, isPrivate = false, revision, onProgress } = readOptions("push", options, pushOptionKinds);
  requireText("push", given, "folder", "Give the path of a run that was exported, or of an export.");
  const repository = requireRepository("push", name);
  const folder = findExport(given);
  checkExport(folder, () => true);
  const hub = openOwnHub(endpoint);
  if (hub.token === undefined) {
    throw new UserError(
      "E_HUB_TOKEN",
      "no token",
      "Log in with hf auth login, or set HF_TOKEN to one that may write; its page is /settings/tokens.",
    );
  }
  const commit = await pushFolder(hub, {
    ...{ folder, repository, isPrivate, revision, onBytes: describeBytes(onProgress) },
  });
  return { repository, url: `${hub.endpoint}/${repository}`, commit };
}

/** A run or a finetuned seed is not pushed with its checkpoints and paths: its export is. */
function findExport(given: string): string {
  const home = findKeptFolder(given) ?? findRun(given);
  const folder = [given, join(home, "export")].find(path => existsSync(join(path, "config.json")));
  if (folder !== undefined && statSync(folder).isDirectory()) return folder;
  refuseUnseen(given, "model");
  const advice = isModel(given)
    ? `Write one: ${quoteOwnCommand("export", given)}`
    : "Give a run that was exported, or the folder that cram export wrote.";
  throw new UserError("E_FILE_MISSING", `${given}: no exported model here`, advice);
}

/** Fetches a repository's files; what is there already is not fetched again. UserErrors: those of the hub. */
export async function pull(
  name: string,
  options: PullOptions = {},
): Promise<{ readonly repository: string; readonly folder: string; readonly files: readonly string[] }> {
  const { endpoint, out, revision, onProgress } = readOptions("pull", options, pullOptionKinds);
  const repository = requireRepository("pull", name);
  const folder = out ?? repository.split("/")[1]!;
  return {
    repository,
    folder,
    files: await pullRepository(openOwnHub(endpoint), {
      ...{ repository, revision, folder },
      onBytes: describeBytes(onProgress),
    }),
  };
}

/** The time left is that of what is done with all files: hashing, sending, fetching. */
function describeBytes(onProgress: HubChoice["onProgress"]): OnBytes {
  const begun = new Map<string, ReturnType<typeof createProgress<string>>>();
  return ({ doing, path, done, total }) => {
    const progress = begun.get(doing) ?? createProgress<string>(doing, systemClock, total, "bytes");
    begun.set(doing, progress);
    onProgress?.(describeProgress({ ...progress(done), stage: `${doing} ${path}` }));
  };
}
