// What a pod of Kubernetes does, for a Job and an MPIJob alike. No word is quoted: a shell reads the command as its arguments, and decides
// only whether to begin or to go on.

import { countMebibytes, type ScheduledJob, type Word } from "./scheduled-job.ts";

export interface PodPlace {
  /** The image that has cram. */
  readonly image: string;
  /** The claim of the volume that all pods share and work in. */
  readonly claim: string;
}

/** Where the volume is in a pod: the folder that relative paths are of. */
const workFolder = "/work";
/** Before a pod is stopped, for the step under way and the checkpoint. */
const secondsToSave = 120;

/** A pod's template with one container, without what says when it is run again. */
export function describePod(name: string, command: readonly string[], resources: object, { image, claim }: PodPlace) {
  return {
    terminationGracePeriodSeconds: secondsToSave,
    containers: [
      {
        ...{ name, image, workingDir: workFolder, command, resources },
        volumeMounts: [{ name: "work", mountPath: workFolder }],
      },
    ],
    volumes: [{ name: "work", persistentVolumeClaim: { claimName: claim } }],
  };
}

/** What `ranks` ranks on one node need. */
export function describeResources({ threads, memoryBytes, wantsGpu }: ScheduledJob, ranks: number) {
  const amounts = {
    cpu: String(threads * ranks),
    ...(memoryBytes !== undefined && { memory: `${countMebibytes(memoryBytes)}Mi` }),
    ...(wantsGpu && { "nvidia.com/gpu": ranks }),
  };
  return { requests: amounts, limits: amounts };
}

/** The command of a container: that of the job or, after an interruption, what goes on with it, each behind `prefix`. */
export function describeCommand({ command, resume }: ScheduledJob, prefix: readonly string[]): string[] {
  if (prefix.length === 0 && resume === undefined && command.every(word => typeof word === "string"))
    return protect([...command]);
  const words: string[] = [];
  const take = (word: string) => `"\${${words.push(word)}}"`;
  // Pods are counted from 0, members from 1.
  const render = (word: Word) => (typeof word === "string" ? take(word) : `${take(word[0])}"$member"${take(word[1])}`);
  const run = (each: readonly Word[]) => {
    const line = [...prefix, ...each].map(render).join(" ");
    return prefix.length === 0 ? `exec ${line}` : `${passOnTerm}; ${line} & ${waitForRanks}`;
  };
  const member = "member=$((JOB_COMPLETION_INDEX + 1))";
  const script =
    resume === undefined
      ? `${member}; ${run(command)}`
      : `${member}; if [ -e ${take(resume.begun)} ]; then ${run(resume.command)}; else ${run(command)}; fi`;
  return protect(["/bin/sh", "-c", script, "sh", ...words]);
}

/**
 * mpirun passes SIGUSR1 on; asked to end by SIGTERM, as a pod is, it gives ranks a second. Set before it starts, or one that comes at once
 * ends the shell.
 */
const passOnTerm = "trap 'kill -USR1 $!' TERM";
const waitForRanks = "wait $!; code=$?; while kill -0 $! 2>/dev/null; do wait $!; code=$?; done; exit $code";

/** Kubernetes reads $(NAME) and $$ in a command before anybody else does. */
const protect = (words: readonly string[]) => words.map(word => word.replaceAll("$", "$$$$"));
