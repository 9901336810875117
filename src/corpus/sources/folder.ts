// A folder's entries in an order that depends on their names alone: file systems list them in an order of their own.

import { type Dirent, readdirSync } from "node:fs";
import { reading } from "../../tables/read-failure.ts";

/** What stands in a folder, hidden entries left out, by the UTF-16 units of the names. UserErrors: as `reading` explains. */
export function listFolder(folder: string): Dirent[] {
  return reading(folder, path => readdirSync(path, { withFileTypes: true }))
    .filter(entry => !entry.name.startsWith("."))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
