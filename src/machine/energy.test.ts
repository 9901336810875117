import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { openEnergyMeter } from "./energy.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-energy-"));
after(() => rmSync(folder, { recursive: true }));

function write(name: string, microjoules: number): void {
  mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, name, "energy_uj"), `${microjoules}\n`);
  writeFileSync(join(folder, name, "max_energy_range_uj"), "9000000\n");
}

test("joules of all packages are summed, across a counter that wraps round; parts of a package are not counted twice", () => {
  write("intel-rapl:0", 8_000_000);
  write("intel-rapl:1", 1_000_000);
  write("intel-rapl:0:0", 0);
  const meter = openEnergyMeter(folder)!;
  assert.equal(meter.readJoules(), 0);
  write("intel-rapl:0", 500_000); // 1 J to the range's end and 0.5 J more
  write("intel-rapl:1", 3_000_000);
  write("intel-rapl:0:0", 7_000_000);
  assert.equal(meter.readJoules(), 3.5);
  write("intel-rapl:0", 1_500_000);
  assert.equal(meter.readJoules(), 4.5);
});

test("where there is no counter there is no meter", () => {
  assert.equal(openEnergyMeter(join(folder, "nothing")), undefined);
  assert.equal(openEnergyMeter(join(folder, "intel-rapl:0")), undefined);
});
