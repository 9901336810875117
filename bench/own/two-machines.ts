// Two machines in one: network namespaces with a cable between them, which can be made slow, and cut. mpirun reaches the second by a script
// that stands for ssh. It needs root and iproute2.

import { spawnSync } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../../src/base/errors.ts";
import type { MpiName } from "../../src/collective/mpi/mpi-library.ts";

/** Of both; the cable's end has the same name in each. */
const addresses = ["10.77.0.1", "10.77.0.2"] as const;
const cable = "wire";
const nameOf = (address: string) => `cram-${address}`;

export interface TwoMachines {
  /** The words that start so many ranks from the first machine: the last of them is on the second. */
  listWords(library: MpiName, ranks: number): string[];
  /** What the ranks' library must read to take the cable. */
  readonly environment: NodeJS.ProcessEnv;
  /** Bits per second, each way. */
  limit(megabits: number): void;
  setCable(state: "up" | "down"): void;
  close(): void;
}

/** UserError E_OPTION where namespaces cannot be made. */
export function openTwoMachines(folder: string): TwoMachines {
  const close = () => {
    for (const address of addresses) spawnSync("ip", ["netns", "del", nameOf(address)]);
  };
  // What an earlier process left that was killed.
  close();
  process.once("exit", close);
  const [first, second] = addresses.map(nameOf) as [string, string];
  for (const address of addresses) ask("ip", "netns", "add", nameOf(address));
  ask("ip", "link", "add", cable, "netns", first, "type", "veth", "peer", "name", cable, "netns", second);
  const setCable = (address: string, state: "up" | "down") =>
    ask("ip", "-n", nameOf(address), "link", "set", cable, state);
  for (const address of addresses) {
    ask("ip", "-n", nameOf(address), "link", "set", "lo", "up");
    ask("ip", "-n", nameOf(address), "addr", "add", `${address}/24`, "dev", cable);
    setCable(address, "up");
  }
  const agent = join(folder, "agent");
  // ssh's options come first.
  const reach = `while case $1 in -*) true;; *) false;; esac; do shift; done; host=$1; shift`;
  writeFileSync(agent, `#!/bin/sh\n${reach}\nexec ip netns exec ${nameOf("$host")} sh -c "$*"\n`);
  chmodSync(agent, 0o755);
  return {
    environment: { UCX_TLS: "tcp,self", UCX_NET_DEVICES: cable },
    listWords: (library, ranks) => {
      const hosts = `${addresses[0]}:${ranks - 1},${addresses[1]}:1`;
      const parameters = {
        ...{ plm_rsh_agent: agent, btl: "tcp,self", btl_tcp_if_include: cable, oob_tcp_if_include: cable },
        // Without these mpirun waits for a machine that is cut off until TCP itself gives up.
        ...{ oob_tcp_keepalive_time: "3", oob_tcp_keepalive_intvl: "1", oob_tcp_keepalive_probes: "3" },
      };
      const openMpi = Object.entries(parameters).flatMap(([name, value]) => ["--mca", name, value]);
      const reached =
        library === "Open MPI"
          ? ["--host", hosts, ...openMpi]
          : ["-launcher", "ssh", "-launcher-exec", agent, "-hosts", hosts];
      return ["ip", "netns", "exec", first, mpirunOf(library), ...listOwnWords(library), ...reached];
    },
    limit: megabits => {
      for (const address of addresses) {
        const limit = ["rate", `${megabits}mbit`, "burst", "64kb", "latency", "50ms"];
        ask("tc", "-n", nameOf(address), "qdisc", "replace", "dev", cable, "root", "tbf", ...limit);
      }
    },
    setCable: state => setCable(addresses[1], state),
    close,
  };
}

/** As Debian names them where both are installed. */
export const mpirunOf = (library: MpiName): string => (library === "Open MPI" ? "mpirun.openmpi" : "mpirun.mpich");

/** What each needs anywhere, and that lines say of which rank they are. */
export const listOwnWords = (library: MpiName): string[] =>
  library === "Open MPI" ? ["--allow-run-as-root", "--oversubscribe", "--bind-to", "none", "--tag-output"] : ["-l"];

function ask(command: string, ...words: string[]): void {
  const { status, stderr, error } = spawnSync(command, words, { encoding: "utf8" });
  if (status === 0) return;
  throw new UserError(
    "E_OPTION",
    `no network namespaces: ${command} ${words.join(" ")}: ${error?.message ?? stderr.trim()}`,
    "Run it as root on Linux, with iproute2 installed.",
  );
}
