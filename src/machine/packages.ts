// Node and the npm packages that package.json names, with the versions that stand in node_modules.

import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import type { Finding } from "./finding.ts";

const manifest = z.object({
  name: z.string(),
  version: z.string(),
  engines: z.object({ node: z.string().optional() }).optional(),
  dependencies: z.record(z.string(), z.string()).default({}),
  optionalDependencies: z.record(z.string(), z.string()).default({}),
});

/** What is lost without an optional package. */
const uses: Readonly<Record<string, string>> = {
  "@resvg/resvg-js": "charts as PNG",
};

/** Packages that are no dependency, and that something here uses where they stand. */
const companions = [
  { name: "onnxruntime-node", use: "compares ONNX exports with the run" },
  { name: "onnxruntime-web", use: "does the same, slower, without native code" },
];

export function examinePackages(): Finding[] {
  const own = readManifest(findOwnFolder());
  const examine = (name: string, needed: boolean): Finding => {
    const folder = findPackage(name);
    const fault = folder === undefined ? "not installed" : name === "koffi" ? findLoadFault(name) : undefined;
    const found = { name, group: "packages", needed } as const;
    if (folder !== undefined && fault === undefined) {
      return { ...found, state: "found", detail: readManifest(folder).version };
    }
    const lost = needed ? "" : `; without it there is no ${uses[name] ?? "optional part"}`;
    return {
      ...found,
      state: "missing",
      detail: `${fault}${lost}`,
      fix: needed ? "npm install" : `npm install ${name}`,
    };
  };
  return [
    examineNode(own.engines!.node!),
    ...Object.keys(own.dependencies).map(name => examine(name, true)),
    ...Object.keys(own.optionalDependencies).map(name => examine(name, false)),
    ...companions.map(examineCompanion),
  ];
}

function examineCompanion({ name, use }: (typeof companions)[number]): Finding {
  const folder = findPackage(name);
  const common = { name, group: "packages", needed: false } as const;
  if (folder !== undefined) return { ...common, state: "found", detail: readManifest(folder).version };
  return { ...common, state: "absent", detail: `${use}: npm install ${name}` };
}

/** `range` is of "^major.minor.0" and ">=major.minor.0" with || between, as package.json has it. */
function examineNode(range: string): Finding {
  const common = { name: "Node.js", group: "packages", needed: true } as const;
  if (isWithin(range, process.versions.node)) return { ...common, state: "found", detail: process.versions.node };
  const detail = `${process.versions.node} is not one of ${range}`;
  return { ...common, state: "missing", detail, fix: "install a newer Node.js from nodejs.org" };
}

/** Whether a version of Node is one of those that `range` allows. */
export function isWithin(range: string, version: string): boolean {
  const [ownMajor = 0, ownMinor = 0] = version.split(".").map(Number);
  return range.split("||").some(part => {
    const [, kind, major, minor] = /(\^|>=)(\d+)\.(\d+)/.exec(part)!;
    const isLater = kind === ">=" && ownMajor > Number(major);
    return isLater || (ownMajor === Number(major) && ownMinor >= Number(minor));
  });
}

/** Why a package with native code does not load: installed for another platform, or with a library missing. */
function findLoadFault(name: string): string | undefined {
  try {
    createRequire(import.meta.url)(name);
    return undefined;
  } catch (error) {
    return `does not load: ${(error as Error).message.split("\n")[0]}`;
  }
}

function readManifest(folder: string): z.infer<typeof manifest> {
  return manifest.parse(JSON.parse(readFileSync(join(folder, "package.json"), "utf8")));
}

/** The folder of this package: the first above this file with a package.json. */
function findOwnFolder(): string {
  return findUpwards(folder => (existsSync(join(folder, "package.json")) ? folder : undefined))!;
}

/** Where an import from this package would find `name`. */
function findPackage(name: string): string | undefined {
  return findUpwards(folder => {
    const place = join(folder, "node_modules", name);
    return existsSync(join(place, "package.json")) ? place : undefined;
  });
}

function findUpwards(look: (folder: string) => string | undefined): string | undefined {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const found = look(folder);
    if (found !== undefined || dirname(folder) === folder) return found;
  }
}
