// What a folder holds, to be compared with what it held, or with another.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** Every file below it by its path, a character a byte. */
export const snapshotFolder = (folder: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, encoding: "utf8" })
      .sort()
      .filter(name => statSync(join(folder, name)).isFile())
      .map(name => [name, readFileSync(join(folder, name), "latin1")]),
  );
