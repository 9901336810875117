// The configurations that a dataset's card (README.md) declares: the YAML at its head, as the library `datasets` reads it.

import { parse } from "yaml";
import { z } from "zod";
import { UserError } from "../../../base/errors.ts";

/** Patterns of files by split, in the order of the card. */
export type Splits = ReadonlyMap<string, readonly string[]>;

export interface Configuration {
  readonly name: string;
  readonly isDefault: boolean;
  /** Below which its files are looked for; "" is the repository. */
  readonly folder: string;
  /** Undefined where the names of its files say what their splits are. */
  readonly splits: Splits | undefined;
}

const paths = z.union([z.string(), z.array(z.string())]);
const configSchema = z.object({
  config_name: z.string(),
  default: z.boolean().optional(),
  data_dir: z.string().optional(),
  data_files: z
    .union([paths, z.array(z.object({ split: z.string(), path: paths })), z.record(z.string(), paths)])
    .optional(),
});
const cardSchema = z.object({ configs: z.array(configSchema).optional() });

/** None for a card without them. UserError E_HUB for a card whose head is no YAML of this form. */
export function readConfigurations(card: string, repository: string): Configuration[] {
  const head = /^\ufeff?---\r?\n([\s\S]*?)\r?\n---/.exec(card)?.[1];
  if (head === undefined) return [];
  try {
    const { configs = [] } = cardSchema.parse(parse(head) ?? {});
    return configs.map(
      ({ config_name: name, default: isDefault = false, data_dir: folder = "", data_files: files }) => {
        return {
          name,
          isDefault,
          folder: trimFolder(folder),
          splits: files === undefined ? undefined : readSplits(files),
        };
      },
    );
  } catch (cause) {
    const seen = (cause as Error).message.slice(0, 200);
    throw new UserError(
      "E_HUB",
      `${repository}: the head of its README.md does not say which files it has: ${seen}`,
      `Name the files: hf:${repository}/FOLDER, or a pattern of paths in quotes.`,
      { cause },
    );
  }
}

type DataFiles = NonNullable<z.infer<typeof configSchema>["data_files"]>;
const list = (given: string | readonly string[]): readonly string[] => (typeof given === "string" ? [given] : given);

/** What names no split is for training. */
function readSplits(files: DataFiles): Splits {
  if (typeof files === "string") return new Map([["train", [files]]]);
  if (!Array.isArray(files)) return new Map(Object.entries(files).map(([split, path]) => [split, list(path)]));
  const named = files.filter(entry => typeof entry !== "string");
  if (named.length === 0) return new Map([["train", files as string[]]]);
  return new Map(named.map(({ split, path }) => [split, list(path)]));
}

const trimFolder = (folder: string) => folder.replace(/^\.?\/+|\/+$/g, "").replace(/^\.$/, "");
