// cram push and cram pull: an exported model to the Hugging Face Hub, and from there.

import type { Command } from "commander";
import { countOf } from "../../base/printable.ts";
import { pull as pullModel, push as pushModel } from "../../verbs/hub.ts";
import { print, showStatus } from "../terminal/output.ts";

interface HubFlags {
  readonly endpoint?: string;
  readonly json?: boolean;
}

const addHubOptions = (command: Command) =>
  command
    .option("--endpoint <address>", "of the hub; default: HF_ENDPOINT, else https://huggingface.co")
    .option("--json", "print one JSON object and nothing else");

export function addPush(command: Command): void {
  command
    .argument("<folder>", "a run that was exported, or the folder that cram export wrote")
    .argument("<repository>", "user/name; it is made where there is none")
    .option("--private", "a new repository that others cannot see")
    .option("--revision <name>", "a branch, which is made where there is none; default: main");
  addHubOptions(command)
    .addHelpText(
      "after",
      `
HF_TOKEN holds the token, one that may write; unless it is set, what hf auth login stored is used for Hugging Face's hub. It is sent to
the hub and nowhere else. Large files go by Xet, which sends what the hub does not have yet.

Example:
  cram export runs/mine && HF_TOKEN=… cram push runs/mine me/my-model --private`,
    )
    .action(push);
}

export function addPull(command: Command): void {
  command
    .argument("<repository>", "user/name")
    .option("--out <folder>", "where to; default: the repository's name")
    .option("--revision <name>", "a branch, a tag or a commit; default: main");
  addHubOptions(command)
    .addHelpText(
      "after",
      `
HF_TOKEN, or what hf auth login stored, opens private repositories. What is there already is not fetched again.

Example:
  cram pull me/my-model --out models/mine
  cram prepare texts/ --tokenizer models/mine --out data/more && cram pretrain --init-from models/mine --data data/more`,
    )
    .action(pull);
}

/** Shows how far it is, unless a program reads the output. */
const showProgress = ({ json }: HubFlags) => (json === true ? undefined : showStatus);

async function push(
  folder: string,
  name: string,
  flags: HubFlags & { private?: boolean; revision?: string },
): Promise<void> {
  const { endpoint, revision, private: isPrivate = false } = flags;
  const { repository, url, commit } = await pushModel(folder, name, {
    ...{ endpoint, isPrivate, revision },
    onProgress: showProgress(flags),
  });
  print(flags.json === true ? JSON.stringify({ repository, commit }) : `${url}: ${commit}`);
}

async function pull(name: string, flags: HubFlags & { out?: string; revision?: string }): Promise<void> {
  const { endpoint, out, revision } = flags;
  const onProgress = showProgress(flags);
  const { repository, folder, files } = await pullModel(name, { endpoint, out, revision, onProgress });
  print(
    flags.json === true
      ? JSON.stringify({ folder, files })
      : `${folder}: ${countOf(files.length, "file")} of ${repository}`,
  );
}
