// What a sweep's file says: JSON, or a module whose default export is the same, for sweeps that are easier computed than written.

import { extname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { UserError } from "../../base/errors.ts";
import { readJson, readText } from "../../base/files/files.ts";
import { checkSweep, type Sweep } from "../../sweep/sweep.ts";

const moduleEndings = [".ts", ".mts", ".js", ".mjs"];

/** UserErrors: those of reading, E_SWEEP for a module that cannot be loaded, E_RECIPE_KEY, E_RECIPE_VALUE. */
export async function readSweepFile(path: string): Promise<Sweep> {
  if (!moduleEndings.includes(extname(path))) return checkSweep(readJson(path, "sweep"), path);
  // What is missing or may not be read is told as of any file.
  readText(path, "sweep");
  return checkSweep(await importDefault(path), path);
}

async function importDefault(path: string): Promise<unknown> {
  let loaded: { readonly default?: unknown };
  try {
    loaded = await import(pathToFileURL(resolve(path)).href);
  } catch (cause) {
    const isUnread = (cause as NodeJS.ErrnoException).code === "ERR_UNKNOWN_FILE_EXTENSION";
    const advice = isUnread
      ? `Node ${process.versions.node} reads no TypeScript; 22.18 and later do. Or write it as .mjs or .json.`
      : "Correct it there.";
    throw new UserError("E_SWEEP", `${path}: ${(cause as Error).message.split("\n")[0]}`, advice, { cause });
  }
  if (loaded.default !== undefined) return loaded.default;
  throw new UserError("E_SWEEP", `${path}: a module without a default export`, "Write export default { recipe: … }.");
}
