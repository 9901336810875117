// A folder's entries in an order that depends on their names alone: file systems list them in an order of their own. What is hidden, as
// macOS leaves ._NAME beside every NAME, is no data; whoever reads a folder counts what it passes over there.

import { type Dirent, readdirSync } from "node:fs";
import { reading } from "../base/files/read-failure.ts";

/** What stands in a folder, by the UTF-16 units of the names; `passHidden` is told of hidden entries. UserErrors: as `reading` explains. */
export function listFolder(folder: string, passHidden: (entry: Dirent) => void = () => {}): Dirent[] {
  return reading(folder, "folder", path => readdirSync(path, { withFileTypes: true }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .filter(entry => {
      const isHidden = entry.name.startsWith(".");
      if (isHidden) passHidden(entry);
      return !isHidden;
    });
}
