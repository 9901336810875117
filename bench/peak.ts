// `peak`: what the machine can do at most, for every figure of the other benchmarks to stand beside. The loops and their
// checks are in peers/peak.c.

import { execFile } from "node:child_process";
import { availableParallelism } from "node:os";
import { promisify } from "node:util";
import { makeTemporaryFolder } from "./folder.ts";
import { compilePeer } from "./peers/native.ts";
import { formatFigure, type Reporter } from "./report.ts";

const run = promisify(execFile);

interface Peak {
  readonly name: string;
  readonly unit: string;
  readonly threads: number;
  readonly median: number;
  readonly best: number;
}

export interface PeakOptions {
  readonly rounds: number;
  /** Numbers of threads; one and all unless given. */
  readonly threads: readonly number[] | undefined;
}

export async function benchPeak({ rounds, threads }: PeakOptions, reporter: Reporter): Promise<void> {
  const counts = threads ?? [...new Set([1, availableParallelism()])];
  const folder = makeTemporaryFolder();
  const program = await compilePeer("peak", folder, ["-lpthread"]);
  const peaks: Peak[] = [];
  for (const count of counts) {
    const { stdout } = await run(program, [String(count), String(rounds)]);
    peaks.push(
      ...stdout
        .trim()
        .split("\n")
        .map(line => JSON.parse(line) as Peak),
    );
  }
  for (const peak of peaks) reporter.record({ benchmark: "peak", ...peak });
  reporter.table(
    ["what", "threads", "median", "best", "unit"],
    peaks.map(({ name, unit, threads, median, best }) => [
      name,
      String(threads),
      formatFigure(median),
      formatFigure(best),
      unit,
    ]),
  );
}
