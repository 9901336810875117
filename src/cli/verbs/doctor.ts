// cram doctor: what this machine has, what is missing and the command that installs it, and what each backend reaches.

import type { Command } from "commander";
import { systemClock } from "../../base/clock.ts";
import { UserError } from "../../base/errors.ts";
import { countPerformanceCores } from "../../machine/cores.ts";
import { type Finding, hasWhatIsNeeded } from "../../machine/finding.ts";
import { formatWithUnit } from "../../report/quantity.ts";
import { examineMachine, type FailedMeasurement, type Measurement, measureBackends } from "../../verbs/doctor.ts";
import { mostThreads } from "../../verbs/given-values.ts";
import { parseCount } from "../numbers.ts";
import { colour, print, showStatus } from "../terminal/output.ts";

interface DoctorFlags {
  readonly measure: boolean;
  readonly threads: string;
  readonly device?: string;
  readonly json?: boolean;
}

export function addDoctor(command: Command): void {
  command
    .option("--no-measure", "only look; measure nothing")
    .option("--threads <number>", "threads of the cpu backend", String(countPerformanceCores()))
    .option("--device <number>", "which GPU is measured of those that CUDA_VISIBLE_DEVICES shows; default: 0")
    .option("--json", "print one JSON object and nothing else")
    .addHelpText(
      "after",
      `
Exit code 0: the default backend works. 1: something it needs is missing, and the command that installs it was printed.

Examples:
  cram doctor
  cram doctor --no-measure --json

Next: cram quickstart`,
    )
    .action(doctor);
}

async function doctor(flags: DoctorFlags): Promise<void> {
  const json = flags.json === true;
  const threads = parseCount("--threads", flags.threads, 1, mostThreads);
  const device = flags.device === undefined ? undefined : parseCount("--device", flags.device, 0);
  if (device !== undefined && !flags.measure)
    throw new UserError("E_OPTION", "--device changes nothing with --no-measure", "Leave one out.");
  const findings = await examineMachine();
  if (!json) printFindings(findings);
  const measured: (Measurement | FailedMeasurement)[] = [];
  const complete = hasWhatIsNeeded(findings);
  if (flags.measure && complete) {
    if (!json) {
      print(colour("bold", "\nmeasured"));
      showStatus("measuring each backend, about ten seconds");
    }
    for await (const one of measureBackends({ threads, device, clock: systemClock, stepSeconds: 2 })) {
      measured.push(one);
      if (!json) print("failure" in one ? describeFailure(one) : describeMeasurement(one));
    }
  }
  const failed = measured.some(one => "failure" in one && one.backend === "cpu");
  const works = complete && !failed;
  if (!works) process.exitCode = 1;
  if (json) {
    const measurements = measured.map(one =>
      "failure" in one ? { backend: one.backend, failure: listError(one.failure) } : one,
    );
    print(JSON.stringify({ works, findings, measurements }));
  } else {
    print(
      works
        ? "\nthe cpu backend works; next: cram quickstart"
        : "\nthe cpu backend cannot work yet; see the lines with ->",
    );
  }
}

const headings: Readonly<Record<Finding["group"], string>> = {
  machine: "machine",
  compiler: "C compiler",
  packages: "Node and packages",
  nvidia: "NVIDIA, for --backend cuda",
};

function printFindings(findings: readonly Finding[]): void {
  const width = Math.max(...findings.map(({ name }) => name.length));
  for (const [group, heading] of Object.entries(headings)) {
    print(colour("bold", `${group === "machine" ? "" : "\n"}${heading}`));
    for (const { name, state, detail, fix } of findings.filter(finding => finding.group === group)) {
      const mark = {
        found: colour("green", "ok     "),
        missing: colour("red", "missing"),
        absent: colour("dim", "absent "),
      }[state];
      print(`  ${mark}  ${name.padEnd(width)}  ${detail}`);
      if (fix !== undefined) print(`           -> ${fix}`);
    }
  }
}

function describeMeasurement({ backend, name, value, unit, shareOfPeak, on }: Measurement): string {
  const shown =
    unit === "FLOP/s"
      ? formatWithUnit(value, "flopsPerSecond")
      : unit === "B/s"
        ? `${(value / 1e9).toFixed(1)} GB/s, read and written`
        : `${Math.round(value).toLocaleString("en-US")} tokens/s`;
  const share = shareOfPeak === undefined ? "" : `, ${(100 * shareOfPeak).toFixed(0)} % of peak`;
  return `  ${backend.padEnd(9)}  ${name.padEnd(18)}  ${shown}${share}  ${colour("dim", `(${on})`)}`;
}

function describeFailure({ backend, failure }: FailedMeasurement): string {
  return `  ${colour("red", "failed ")}  ${backend}  ${failure.code} ${failure.message}\n           -> ${failure.advice}`;
}

const listError = ({ code, message, advice }: UserError) => ({ code, message, advice });
