// Where this program keeps what it can make or fetch again: compiled kernels, shards of the hub.

import { homedir, tmpdir } from "node:os";
import { isAbsolute, join } from "node:path";
import { UserError } from "../errors.ts";

/**
 * CRAM_CACHE, else the user's cache folder; a variable that is empty is one that is not set. UserError E_CACHE for a CRAM_CACHE
 * that is relative: it would be another folder for every working folder.
 */
export function findCacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const own = environment.CRAM_CACHE || undefined;
  if (own !== undefined && !isAbsolute(own)) {
    throw new UserError("E_CACHE", `CRAM_CACHE is ${own}, a relative path`, "Give the whole path of a folder.");
  }
  return own ?? join(findUserCache(environment), "cramming");
}

/** The XDG specification: a relative path is to be ignored. Without a home a folder of one's own among the temporary ones. */
function findUserCache({ XDG_CACHE_HOME, HOME }: NodeJS.ProcessEnv): string {
  if (XDG_CACHE_HOME && isAbsolute(XDG_CACHE_HOME)) return XDG_CACHE_HOME;
  if (HOME && isAbsolute(HOME)) return join(HOME, ".cache");
  try {
    const home = HOME === "" ? "" : homedir();
    if (isAbsolute(home)) return join(home, ".cache");
  } catch {
    // No variable and no entry in the list of users.
  }
  return join(tmpdir(), `cache-of-${process.getuid?.() ?? "user"}`);
}
