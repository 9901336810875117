// A job handed over: to sbatch, to kubectl, or to a shell of this machine. Scripts go by the standard input, so no file is left.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { UserError } from "../base/errors.ts";

/** Submits a script by sbatch, behind the success of another job where one is given, and returns the job's number. UserError E_LAUNCHER. */
export function submitSbatch(script: string, behind?: string): string {
  const advice = "See with sinfo that SLURM answers, and with sbatch --test-only what it says to the script.";
  const words = ["--parsable", ...(behind === undefined ? [] : [`--dependency=afterok:${behind}`])];
  return hand("sbatch", words, script, "Run it where SLURM is, or leave the launcher out.", advice).split(";")[0]!;
}

/** Applies a manifest by kubectl, and returns what it said. UserError E_LAUNCHER. */
export function applyManifest(manifest: string): string {
  const advice = "See with kubectl get nodes that the cluster answers; an MPIJob needs Kubeflow's MPI operator there.";
  return hand("kubectl", ["apply", "-f", "-"], manifest, "Run it where kubectl is.", advice);
}

function hand(program: string, words: readonly string[], input: string, absent: string, failed: string): string {
  try {
    return execFileSync(program, words, { input, encoding: "utf8", stdio: ["pipe", "pipe", "pipe"] }).trim();
  } catch (cause) {
    const { code, stderr } = cause as { code?: string; stderr?: string };
    if (code === "ENOENT") throw new UserError("E_LAUNCHER", `there is no ${program} here`, absent, { cause });
    const seen = stderr?.trim().split("\n")[0] ?? String(cause);
    throw new UserError("E_LAUNCHER", `${program}: ${seen}`, failed, { cause });
  }
}

/** Runs a script here until it ends, and returns its exit code; the signal asks it to end. */
export async function runScript(script: string, signal: AbortSignal): Promise<number> {
  const shell = spawn("bash", ["-c", script], { stdio: "inherit" });
  signal.addEventListener("abort", () => shell.kill("SIGTERM"), { once: true });
  const [code] = (await once(shell, "close")) as [number | null];
  return code ?? 1;
}
