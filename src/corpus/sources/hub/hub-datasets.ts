// Datasets of the Hugging Face Hub as sources: their card says which files a configuration and a split have, else their names do.
// A branch is read at the commit that it is when it is listed, and that commit names the shards.

import { nearestNames, UserError } from "../../../base/errors.ts";
import { hasty, type Patience, patient } from "../../../base/patience.ts";
import { DatasetRepository, openDatasetRepository } from "../../../hub/dataset-repository.ts";
import { openOwnHub } from "../../../hub/hub.ts";
import type { RemoteFile } from "../../../hub/remote-files.ts";
import { formatOf } from "../local-files.ts";
import type { FoundTokenizer, SourceScheme } from "../scheme.ts";
import type { ListOptions, Shard } from "../shard.ts";
import type { Configuration } from "./dataset-card.ts";
import { type HubAddress, hubPrefix, parseHubAddress } from "./hub-address.ts";
import { fixedFolder, groupBySplit, guessSplits, matchPaths } from "./split-files.ts";

export const hubDatasets = (patience: Patience = hasty): SourceScheme => ({
  name: "hub",
  claims: input => input.startsWith(hubPrefix),
  list: (input, options) => listDataset(parseHubAddress(input), options, patience),
  findTokenizer: input => fetchTokenizer(parseHubAddress(input), patience),
  open: ({ remote }) => {
    const { endpoint, repository, revision, file } = remote!;
    const cached = new DatasetRepository(openOwnHub(endpoint), repository, revision, patient).openFile(file);
    return { path: cached.path, bring: (start, end) => cached.bring(start, end) };
  },
  identify: ({ identity }) => identity!,
  describeState: ({ place }) => place,
});

/** UserErrors: E_HUB_PART, E_NO_TEXT, E_HUB, E_HUB_TOKEN, E_OPTION. */
async function listDataset(address: HubAddress, options: ListOptions, patience: Patience): Promise<Shard[]> {
  const hub = openOwnHub();
  const opened = await openDatasetRepository(hub, address.repository, address.revision, patience);
  const { repository, revision } = opened.at;
  const files = chooseKind(await findFiles(opened, address), address, options);
  return files.map(file => {
    const path = `${hubPrefix}${repository}@${revision.slice(0, 12)}/${file.path}`;
    return {
      scheme: "hub",
      path,
      place: `${hubPrefix}${repository}@${revision}/${file.path}`,
      format: formatOf(file.path),
      bytes: file.size,
      named: true,
      identity: (file.lfs ?? file).oid,
      remote: { endpoint: hub.endpoint, repository, revision, file },
    } as const;
  });
}

/** Only a whole repository has one: its parts are texts. */
async function fetchTokenizer(address: HubAddress, patience: Patience): Promise<FoundTokenizer | undefined> {
  if (address.part !== undefined) return undefined;
  const opened = await openDatasetRepository(openOwnHub(), address.repository, address.revision, patience);
  const files = await opened.listFiles("tokenizer");
  const fetch = async (name: string): Promise<string | undefined> => {
    const file = files.find(({ path }) => path === `tokenizer/${name}`);
    if (file === undefined) return undefined;
    const cached = opened.openFile(file);
    await cached.bring(0, file.size);
    return cached.path;
  };
  const path = await fetch("tokenizer.json");
  // A cached file is called by its content, so that nothing is found beside it.
  if (path === undefined) return undefined;
  return { path, settings: await fetch("tokenizer_config.json"), isAbove: false };
}

/** The files of the configuration, the folder, the file or the pattern, and of its split. */
async function findFiles(opened: DatasetRepository, address: HubAddress): Promise<RemoteFile[]> {
  const { part } = address;
  // Every thread that reads files has this module, and no use for YAML.
  const { readConfigurations } = await import("./dataset-card.ts");
  const configurations = readConfigurations(await opened.readCard(), address.repository);
  const isConfiguration =
    part === undefined ? configurations.length > 0 : configurations.some(({ name }) => name === part);
  if (isConfiguration) return findConfiguration(opened, chooseConfiguration(configurations, address), address);
  if (part === undefined) return chooseSplit(await findSplits(opened, ""), address);
  const folder = await opened.listFiles(part);
  if (folder.length > 0) return chooseSplit(await findSplits(opened, part), address);
  const isMatch = matchPaths(part);
  const found = (await opened.listFiles(fixedFolder(part))).filter(({ path }) => path === part || isMatch(path));
  if (found.length > 0) return found;
  const names = configurations.map(({ name }) => name);
  throw refusePart(address, `no configuration, folder or file ${part}`, part, names, "configurations");
}

function chooseConfiguration(configurations: readonly Configuration[], address: HubAddress): Configuration {
  const { part } = address;
  const chosen =
    part === undefined
      ? (configurations.find(({ isDefault, name }) => isDefault || name === "default") ??
        (configurations.length === 1 ? configurations[0] : undefined))
      : configurations.find(({ name }) => name === part);
  if (chosen !== undefined) return chosen;
  const names = configurations.map(({ name }) => name);
  throw refusePart(address, "several configurations, none of them the default", undefined, names, "configurations");
}

async function findConfiguration(
  opened: DatasetRepository,
  { folder, splits }: Configuration,
  address: HubAddress,
): Promise<RemoteFile[]> {
  if (splits === undefined) return chooseSplit(await findSplits(opened, folder), address);
  const inFolder = (pattern: string) => (folder === "" ? pattern.replace(/^\.?\//, "") : `${folder}/${pattern}`);
  // Only what is asked for is listed: some datasets have a hundred thousand files.
  const names = new Map([...splits.keys()].map(split => [split, []]));
  const wanted = splits.get(nameSplit(names, address))!.map(inFolder);
  const files = new Map<string, RemoteFile>();
  for (const below of new Set(wanted.map(fixedFolder))) {
    for (const file of await opened.listFiles(below)) files.set(file.path, file);
  }
  const found = groupBySplit([...files.keys()], new Map([["wanted", wanted]])).get("wanted") ?? [];
  return found.map(path => files.get(path)!);
}

/** Files by split, by what they are called below a folder. */
async function findSplits(opened: DatasetRepository, folder: string): Promise<Map<string, RemoteFile[]>> {
  const files = (await opened.listFiles(folder)).filter(({ path }) => isData(path));
  const below = folder === "" ? 0 : folder.length + 1;
  const byPath = new Map(files.map(file => [file.path.slice(below), file]));
  const splits = guessSplits([...byPath.keys()]);
  return new Map([...splits].map(([split, paths]) => [split, paths.map(path => byPath.get(path)!)]));
}

function chooseSplit(splits: ReadonlyMap<string, RemoteFile[]>, address: HubAddress): RemoteFile[] {
  return splits.size === 0 ? [] : splits.get(nameSplit(splits, address))!;
}

/** The split that is asked for; else the one for training, or the only one. */
function nameSplit(splits: ReadonlyMap<string, unknown>, address: HubAddress): string {
  const names = [...splits.keys()];
  const name = address.split ?? (splits.has("train") ? "train" : names.length === 1 ? names[0]! : undefined);
  if (name !== undefined && splits.has(name)) return name;
  throw refusePart(address, name === undefined ? "no split train" : `no split ${name}`, name, names, "splits");
}

function refusePart(
  { repository, revision }: HubAddress,
  seen: string,
  asked: string | undefined,
  names: readonly string[],
  kind: string,
): UserError {
  const [nearest] = asked === undefined ? [] : nearestNames(asked, names);
  const shown = names.length > 40 ? [...names.slice(0, 40), `and ${names.length - 40} more`] : names;
  return new UserError(
    "E_HUB_PART",
    `${hubPrefix}${repository}@${revision}: ${seen}${names.length > 0 ? `; its ${kind} are ${shown.join(", ")}` : ""}`,
    nearest === undefined
      ? `Write hf:${repository}/CONFIGURATION:SPLIT, or a folder, a file or a pattern in the place of the configuration.`
      : `Did you mean ${nearest}?`,
  );
}

const kinds = [
  /\.parquet$/i,
  /\.(arrow|feather)$/i,
  /\.(jsonl|ndjson|json)(\.gz|\.zst)?$/i,
  /\.[ct]sv(\.gz|\.zst)?$/i,
  /\.txt(\.gz|\.zst)?$/i,
];
const isReadable = (path: string) => kinds.some(kind => kind.test(path));
/** What stands beside the data of many datasets (data_files.py). */
const notData = /(^|\/)(\.|__|(config|dataset_infos?|dataset_dict)\.json$|README\.md$)/;
const isData = (path: string) => !notData.test(path) && isReadable(path);

/** The files of the commonest kind, in the order of their paths; others are passed over and told. */
function chooseKind(files: readonly RemoteFile[], address: HubAddress, { passOver }: ListOptions): RemoteFile[] {
  const named = files.length === 1 || files.some(({ path }) => path === address.part);
  const readable = files.filter(({ path }) => isReadable(path) && (named || !notData.test(path)));
  const count = (kind: RegExp) => readable.filter(({ path }) => kind.test(path)).length;
  const commonest = kinds.toSorted((a, b) => count(b) - count(a))[0]!;
  const chosen = readable.filter(({ path }) => commonest.test(path));
  const kept = new Set(chosen);
  for (const file of files) {
    const { path } = file;
    if (!kept.has(file)) passOver?.(isReadable(path) ? "beside the data" : "of a kind that is not read", path);
  }
  if (chosen.length > 0) return chosen.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  throw new UserError(
    "E_NO_TEXT",
    `${hubPrefix}${address.repository}: no file here that can be read${files.length > 0 ? `, as ${files[0]!.path}` : ""}`,
    "Files that are read end in .parquet, .arrow, .jsonl, .json, .csv, .tsv or .txt, these also with .gz or .zst; @refs/convert/parquet often has others as parquet.",
  );
}
