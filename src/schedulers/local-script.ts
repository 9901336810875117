// A job as a bash script for this machine: members beside each other, each with a GPU of its own where it wants one.

import { listMpiWords, type ScheduledJob } from "./scheduled-job.ts";
import { renderAttempt } from "./shell-command.ts";

/** The script. A signal that asks it to end is passed on as SIGUSR1, and it waits for what is saved then. */
export function renderLocalScript(job: ScheduledJob): string {
  const { members = 1, wantsGpu } = job;
  const numbers = Array.from({ length: members }, (_, i) => i + 1).join(" ");
  const ofGpu = wantsGpu && members > 1 ? "export CUDA_VISIBLE_DEVICES=$((member - 1))\n" : "";
  // mpirun passes SIGUSR1 on; asked to end by SIGTERM, it gives ranks a second.
  return `#!/bin/bash
trap 'kill -USR1 $(jobs -p) 2>/dev/null' INT TERM USR1
for member in ${numbers}; do
(
${ofGpu}${renderAttempt(job, "member", ["exec", ...listMpiWords(job)])}
) &
done
status=0
for work in $(jobs -p); do
  # A signal ends a wait, not the work.
  while wait $work; code=$?; kill -0 $work 2>/dev/null; do :; done
  [ $code = 0 ] || status=$code
done
${job.join === undefined ? "" : `[ $status = 0 ] && ${renderAttempt({ ...job, command: job.join, resume: undefined }, "member", ["exec"])}\n`}exit $status
`;
}
