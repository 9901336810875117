// Compiled programs kept from run to run beside their kernels: of a start with kernels that are there already, compiling graphs takes the
// most. A program is found by its graph, by what it was compiled for, and by the text of the compiler itself.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { systemClock } from "../base/clock.ts";
import { UserError } from "../base/errors.ts";
import { contentHash, mostBytes, readText } from "../base/files/files.ts";
import type { Program } from "../compiler/program/program.ts";
import { describeGraph } from "../graph/describe-graph.ts";
import type { Graph } from "../graph/tensor.ts";
import { readCached, writeCached } from "./kernel-cache.ts";

/** What is compiled faster is not worth a file. */
const leastSeconds = 0.05;
const ending = ".program.json";

/** The graph's program, compiled where it was not before. `target` names all that the program depends on beside the graph. */
export function compileOnce(graph: Graph, target: readonly unknown[], compile: (graph: Graph) => Program): Program {
  const name = contentHash(JSON.stringify(target), describeGraph(graph), hashCompiler());
  const known = readCached(name, ending);
  if (known !== undefined) return JSON.parse(known.toString()) as Program;
  const start = systemClock.seconds();
  const program = compile(graph);
  if (systemClock.seconds() - start >= leastSeconds) keep(name, program);
  return program;
}

/** Where the cache takes nothing, it is compiled again next time. */
function keep(name: string, program: Program): void {
  try {
    writeCached(name, ending, JSON.stringify(program));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
  }
}

let compilerHash: string | undefined;

/** Of all sources that shape a program. */
function hashCompiler(): string {
  compilerHash ??= contentHash(...["../compiler", "../graph", "."].flatMap(readSources));
  return compilerHash;
}

function readSources(folder: string): string[] {
  const root = fileURLToPath(new URL(folder, import.meta.url));
  return readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter(name => /\.(js|ts|c|cu)$/.test(name) && !/\.(test|d)\.[jt]s$/.test(name))
    .sort()
    .flatMap(name => [name, readText(join(root, name), "source of the compiler", mostBytes.ofLines)]);
}
