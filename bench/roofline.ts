// Where the time of a program goes, kernel by kernel, beside the least that the device allows it: its arithmetic at the rate of
// products, or its bytes at the rate of a copy, whichever takes longer.

import type { TimedProgram } from "./own/own-step.ts";
import { formatFigure } from "./report.ts";

export interface DeviceRates {
  readonly flops: number;
  readonly bytesPerSecond: number;
}

export interface KernelTime {
  readonly name: string;
  readonly launches: number;
  readonly seconds: number;
  readonly flops: number;
  readonly bytes: number;
  /** The least seconds of all its launches together. */
  readonly leastSeconds: number;
}

/** One entry a kernel, the one that takes most time first. */
export function gatherKernels(
  { program, seconds }: TimedProgram,
  { flops, bytesPerSecond }: DeviceRates,
): KernelTime[] {
  const kernels = program.kernels.map(({ name }) => ({
    ...{ name, launches: 0, seconds: 0, flops: 0, bytes: 0, leastSeconds: 0 },
  }));
  program.launches.forEach((launch, i) => {
    const kernel = kernels[launch.kernel]!;
    kernel.launches++;
    kernel.seconds += seconds[i]!;
    kernel.flops += launch.flops;
    kernel.bytes += launch.bytesMoved;
    kernel.leastSeconds += Math.max(launch.flops / flops, launch.bytesMoved / bytesPerSecond);
  });
  return kernels.sort((a, b) => b.seconds - a.seconds);
}

export const kernelColumns = ["kernel", "launches", "ms", "share %", "TFLOP/s", "GB/s", "least ms", "of the least"];

/** Rows for people, and a last one for all of them. */
export function describeKernels(kernels: readonly KernelTime[]): string[][] {
  const sum = (of: (kernel: KernelTime) => number) => kernels.reduce((total, kernel) => total + of(kernel), 0);
  const whole: KernelTime = {
    name: "all",
    launches: sum(({ launches }) => launches),
    seconds: sum(({ seconds }) => seconds),
    flops: sum(({ flops }) => flops),
    bytes: sum(({ bytes }) => bytes),
    leastSeconds: sum(({ leastSeconds }) => leastSeconds),
  };
  return [...kernels, whole].map(({ name, launches, seconds, flops, bytes, leastSeconds }) => [
    name,
    String(launches),
    formatFigure(seconds * 1e3),
    formatFigure((100 * seconds) / whole.seconds),
    formatFigure(flops / seconds / 1e12),
    formatFigure(bytes / seconds / 1e9),
    formatFigure(leastSeconds * 1e3),
    formatFigure(seconds / leastSeconds),
  ]);
}
