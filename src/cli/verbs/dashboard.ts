// cram dashboard: the runs below a folder in a browser, live.

import type { Command } from "commander";
import { showRuns } from "../../verbs/report/dashboard.ts";
import { parseCount } from "../numbers.ts";
import { print } from "../terminal/output.ts";

interface DashboardFlags {
  readonly port: string;
  readonly host: string;
  readonly token?: string;
  readonly json?: boolean;
}

const tokenVariable = "CRAM_DASHBOARD_TOKEN";

export function addDashboard(command: Command): void {
  command
    .argument("[folder]", "where the runs are", "runs")
    .option("--port <number>", "0 takes a free one", "6116")
    .option("--host <address>", "one that others can reach needs a token", "127.0.0.1")
    .option("--token <text>", `who shows it may read, others may not; better given in ${tokenVariable}`)
    .option("--json", "print the address as one JSON object")
    .addHelpText(
      "after",
      `
Runs may begin and end, and the dashboard and the browser may be restarted, in any order. Ctrl-C ends it; no run notices.

Examples:
  cram dashboard runs
  ssh -L 6116:127.0.0.1:6116 HOST     then open http://127.0.0.1:6116/ here, of a dashboard there
  ${tokenVariable}=$(openssl rand -hex 16) cram dashboard runs --host 0.0.0.0`,
    )
    .action(dashboard);
}

async function dashboard(folder: string, flags: DashboardFlags): Promise<void> {
  const port = parseCount("--port", flags.port, 0, 65_535);
  const token = flags.token ?? process.env[tokenVariable];
  const { url, done, close } = await showRuns({ folder, port, host: flags.host, token });
  if (flags.json === true) print(JSON.stringify({ url }));
  else print(`${url}${token === undefined ? "" : "?token=…"}  (Ctrl-C ends it)`);
  process.once("SIGINT", close);
  process.once("SIGTERM", close);
  await done;
}
