// cram push and cram pull: an exported model to the Hugging Face Hub, and from there.

import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { UserError } from "../../base/errors.ts";
import { quoteCommand } from "../../base/shell-words.ts";
import { checkRepository, openHub } from "../../hub/hub.ts";
import { pullRepository } from "../../hub/pull.ts";
import { pushFolder } from "../../hub/push.ts";
import { print, showStatus } from "../terminal/output.ts";

interface HubFlags {
  readonly endpoint?: string;
  readonly json?: boolean;
}

const addHubOptions = (command: Command) =>
  command
    .option("--endpoint <address>", "of the hub; default: HF_ENDPOINT, else https://huggingface.co")
    .option("--json", "print one JSON object and nothing else");

export function addPush(program: Command): void {
  const command = program
    .command("push")
    .description("send an exported model to the Hugging Face Hub")
    .argument("<folder>", "a run that was exported, or the folder that cram export wrote")
    .argument("<repository>", "user/name; it is made where there is none")
    .option("--private", "a new repository that others cannot see");
  addHubOptions(command)
    .addHelpText(
      "after",
      `
HF_TOKEN holds the token, one that may write. It is sent to the hub and nowhere else.

Example:
  cram export runs/mine && HF_TOKEN=… cram push runs/mine me/my-model --private`,
    )
    .action(push);
}

export function addPull(program: Command): void {
  const command = program
    .command("pull")
    .description("fetch a model from the Hugging Face Hub")
    .argument("<repository>", "user/name")
    .option("--out <folder>", "where to; default: the repository's name");
  addHubOptions(command)
    .addHelpText(
      "after",
      `
HF_TOKEN, where it is set, opens private repositories. What is there already is not fetched again.

Example:
  cram pull me/my-model --out models/mine
  cram prepare texts/ --tokenizer models/mine --out data/more && cram pretrain --init-from models/mine --data data/more`,
    )
    .action(pull);
}

const open = ({ endpoint }: HubFlags) =>
  openHub(endpoint ?? process.env.HF_ENDPOINT ?? "https://huggingface.co", process.env.HF_TOKEN);

const describe = ({ path, bytes }: { path: string; bytes: number }) => `${path}, ${(bytes / 1e6).toFixed(1)} MB`;

async function push(given: string, name: string, flags: HubFlags & { private?: boolean }): Promise<void> {
  const repository = checkRepository(name);
  const folder = chooseFolder(given);
  const hub = open(flags);
  if (hub.token === undefined) {
    throw new UserError("E_HUB_TOKEN", "no token", "Set HF_TOKEN to one that may write; its page is /settings/tokens.");
  }
  const commit = await pushFolder(hub, {
    folder,
    repository,
    isPrivate: flags.private === true,
    onFile: file => flags.json !== true && showStatus(`sending ${describe(file)}`),
  });
  print(flags.json === true ? JSON.stringify({ repository, commit }) : `${hub.endpoint}/${repository}: ${commit}`);
}

/** A run is not pushed with its checkpoints and paths: its export is. */
function chooseFolder(given: string): string {
  const folder = [given, join(given, "export")].find(path => existsSync(join(path, "config.json")));
  if (folder !== undefined && statSync(folder).isDirectory()) return folder;
  throw new UserError(
    "E_FILE_MISSING",
    `${given}: no exported model here`,
    `Write one: ${quoteCommand("cram", "export", given)}`,
  );
}

async function pull(name: string, flags: HubFlags & { out?: string }): Promise<void> {
  const repository = checkRepository(name);
  const folder = flags.out ?? repository.split("/")[1]!;
  const onFile = (file: { path: string; bytes: number }) => {
    if (flags.json !== true) showStatus(`fetching ${describe(file)}`);
  };
  const files = await pullRepository(open(flags), { repository, folder, onFile });
  print(flags.json === true ? JSON.stringify({ folder, files }) : `${folder}: ${files.length} files of ${repository}`);
}
