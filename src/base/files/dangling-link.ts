// A symbolic link that leads nowhere: to the system there is nothing, and to a person there is something.

import { existsSync, lstatSync, readlinkSync } from "node:fs";
import { dirname } from "node:path";

/** The link on a path's way that leads nowhere; undefined where nothing is there at all. */
export function findDanglingLink(path: string): { readonly path: string; readonly target: string } | undefined {
  for (let at = path; ; at = dirname(at)) {
    // Whatever the system says of it, the path is told to be missing.
    try {
      if (lstatSync(at).isSymbolicLink() && !existsSync(at)) return { path: at, target: readlinkSync(at) };
      return undefined;
    } catch {
      if (at === dirname(at)) return undefined;
    }
  }
}
