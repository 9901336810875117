// The runs below a folder in a browser, live.

import { existsSync, statSync } from "node:fs";
import { systemClock } from "../../base/clock.ts";
import { UserError } from "../../base/errors.ts";
import { refuseUnseen } from "../../base/files/read-failure.ts";
import { type Dashboard, openDashboard } from "../../report/dashboard/dashboard-server.ts";
import type { RecipeFacts } from "../../report/runs/run-record.ts";
import { readRecipeFacts } from "./recipe-facts.ts";

export interface DashboardChoice {
  /** Where the runs are. */
  readonly folder: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** The address to listen on; one that others can reach needs a token. */
  readonly host: string;
  /** Who shows it may read. */
  readonly token?: string | undefined;
}

/** Serves the dashboard until it is closed. UserErrors: E_FILE_MISSING, and those of listening. */
export async function showRuns({ folder, port, host, token }: DashboardChoice): Promise<Dashboard> {
  refuseUnseen(folder, "folder of runs");
  if (!existsSync(folder) || !statSync(folder).isDirectory()) {
    throw new UserError("E_FILE_MISSING", `${folder}: no folder here`, "Name the folder that holds the runs.");
  }
  return openDashboard({ folder, port, host, token, clock: systemClock, readRecipeFacts: readFactsIfKnown });
}

/** What is wrong with a recipe, the run's trouble says. */
function readFactsIfKnown(folder: string): RecipeFacts {
  try {
    return readRecipeFacts(folder);
  } catch {
    return {};
  }
}
