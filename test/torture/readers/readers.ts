// Every reader of the campaign.

import { answerReaders } from "./answer-readers.ts";
import { modelReaders } from "./model-readers.ts";
import type { Reader } from "./reader.ts";
import { runReaders } from "./run-readers.ts";
import { tableReaders } from "./table-readers.ts";
import { textReaders } from "./text-readers.ts";

export const readers: readonly Reader[] = [
  ...textReaders,
  ...tableReaders,
  ...modelReaders,
  ...runReaders,
  ...answerReaders,
];
