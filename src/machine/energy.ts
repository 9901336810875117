// The energy that the processor says it used: Linux's powercap counters, one a package, which wrap round. On many machines only
// root may read them, and then there is no meter.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface EnergyMeter {
  /** Joules of all packages since the meter was opened. Read it at least every few minutes, or a wrap is missed. */
  readJoules(): number;
}

/** Undefined where no counter can be read. `folder` is Linux's; another one in tests. */
export function openEnergyMeter(folder = "/sys/class/powercap"): EnergyMeter | undefined {
  try {
    const packages = readdirSync(folder)
      .filter(name => /^intel-rapl:\d+$/.test(name))
      .map(name => ({
        counter: join(folder, name, "energy_uj"),
        range: readNumber(join(folder, name, "max_energy_range_uj")),
        last: readNumber(join(folder, name, "energy_uj")),
      }));
    if (packages.length === 0) return undefined;
    let microjoules = 0;
    return {
      readJoules: () => {
        for (const own of packages) {
          const now = readNumber(own.counter);
          microjoules += now - own.last + (now < own.last ? own.range : 0);
          own.last = now;
        }
        return microjoules / 1e6;
      },
    };
  } catch {
    return undefined;
  }
}

function readNumber(path: string): number {
  return Number(readFileSync(path, "utf8"));
}
