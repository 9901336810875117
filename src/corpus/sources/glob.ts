// Patterns of paths of this machine, for those who write them in quotes or where no shell is: ** is any folders, * any name,
// {a,b} a choice. What a pattern finds was named, as if a shell had found it.

import { join } from "node:path";
import picomatch from "picomatch";
import { UserError } from "../../base/errors.ts";
import { listFolder } from "../../tables/folder.ts";

const options = { noextglob: true, nonegate: true } as const;

/** Whether a path is a pattern. */
export const isPattern = (path: string): boolean => picomatch.scan(path, options).isGlob;

/** The files that a pattern finds, by name. UserErrors: E_NO_TEXT where it finds none, E_FILE_MISSING, E_FILE_UNREADABLE. */
export function findPaths(pattern: string): string[] {
  const { base, prefix } = picomatch.scan(pattern, options);
  const root = base === "" ? "." : `${prefix}${base}`;
  const isMatch = picomatch(base === "" ? pattern : pattern.slice(prefix.length + base.length + 1), options);
  const found: string[] = [];
  const visit = (below: string) => {
    for (const entry of listFolder(join(root, below))) {
      const path = below === "" ? entry.name : `${below}/${entry.name}`;
      if (entry.isDirectory()) visit(path);
      else if (isMatch(path)) found.push(base === "" ? path : join(root, path));
    }
  };
  visit("");
  if (found.length > 0) return found;
  throw new UserError(
    "E_NO_TEXT",
    `${pattern}: no file is found by this pattern`,
    "Check it; ** stands for any folders.",
  );
}
