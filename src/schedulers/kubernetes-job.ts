// A job as a manifest for Kubernetes: an indexed Job, where each pod is a member that knows its number; or, where several machines train
// together, an MPIJob of Kubeflow's, whose one launcher starts the ranks on all of them.

import { stringify } from "yaml";
import { quoteCommand } from "../base/shell-words.ts";
import { describeCommand, describePod, describeResources, type PodPlace } from "./kubernetes-pod.ts";
import { listMpiWords, type ScheduledJob } from "./scheduled-job.ts";

/** Attempts of each member that may fail, beside those that Kubernetes itself ended. */
const attempts = 6;

/** The manifest, as YAML without aliases. */
export function renderManifest(job: ScheduledJob, place: PodPlace): string {
  const { name, join } = job;
  const manifest = job.nodes > 1 ? describeMpiJob(job, place) : describeJob(job, place);
  const comment =
    join === undefined
      ? ""
      : `# kubectl apply -f this; kubectl wait --for=condition=complete job/${name}; then, in the same volume:\n#   ${quoteCommand(...join)}\n`;
  return `${comment}${stringify(manifest, { aliasDuplicateObjects: false, lineWidth: 0 })}`;
}

function describeJob(job: ScheduledJob, place: PodPlace) {
  const { name, members = 1, devices, seconds } = job;
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name },
    spec: {
      completionMode: "Indexed",
      completions: members,
      parallelism: members,
      backoffLimit: attempts * members,
      podFailurePolicy: {
        // Preempted, drained or evicted: the next pod goes on, however often.
        rules: [{ action: "Ignore", onPodConditions: [{ type: "DisruptionTarget", status: "True" }] }],
      },
      template: {
        spec: {
          restartPolicy: "Never",
          ...(seconds !== undefined && { activeDeadlineSeconds: Math.ceil(seconds) }),
          ...describePod("cram", describeCommand(job, listPodMpiWords(job)), describeResources(job, devices), place),
        },
      },
    },
  };
}

/** Without these Open MPI's mpirun waits for ever for what it started on a node that is cut off. */
const keepalive = Object.entries({ time: 3, intvl: 1, probes: 3 }).flatMap(([name, value]) => [
  "--mca",
  `oob_tcp_keepalive_${name}`,
  `${value}`,
]);

/** A pod's programs run as root. */
const listPodMpiWords = (job: ScheduledJob) =>
  listMpiWords(job).flatMap(word =>
    word === "mpirun" ? [word, "--allow-run-as-root", ...(job.nodes > 1 ? keepalive : [])] : [word],
  );

/** By the fields of kubeflow.org/v2beta1. The launcher asks where there is a run to go on with; its ranks are told one command. */
function describeMpiJob(job: ScheduledJob, place: PodPlace) {
  const { name, nodes, devices, seconds } = job;
  const launch = describeCommand(job, listPodMpiWords(job));
  return {
    apiVersion: "kubeflow.org/v2beta1",
    kind: "MPIJob",
    metadata: { name },
    spec: {
      slotsPerWorker: devices,
      mpiImplementation: "OpenMPI",
      runPolicy: { cleanPodPolicy: "Running", backoffLimit: attempts },
      mpiReplicaSpecs: {
        Launcher: {
          replicas: 1,
          restartPolicy: "OnFailure",
          template: {
            spec: {
              ...(seconds !== undefined && { activeDeadlineSeconds: Math.ceil(seconds) }),
              ...describePod("launcher", launch, { requests: { cpu: "1" } }, place),
            },
          },
        },
        Worker: {
          replicas: nodes,
          restartPolicy: "OnFailure",
          template: {
            spec: describePod("worker", ["/usr/sbin/sshd", "-De"], describeResources(job, devices), place),
          },
        },
      },
    },
  };
}
