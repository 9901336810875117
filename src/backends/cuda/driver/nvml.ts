// NVIDIA's management library: what a device draws, how warm it is, how fast it runs, and the energy it used. It comes with the
// driver, needs no context, and where it is missing nothing else is.

import { loadFirst } from "./driver-api.ts";
import { listDriverPaths } from "./libraries.ts";

export interface DeviceState {
  readonly name: string;
  readonly driverVersion: string;
  readonly usedBytes: number;
  readonly totalBytes: number;
  /** Undefined where the device does not say. */
  readonly watts: number | undefined;
  readonly limitWatts: number | undefined;
  readonly celsius: number | undefined;
  /** Of the multiprocessors, now. */
  readonly clockMegahertz: number | undefined;
}

export interface DeviceMonitor {
  readState(): DeviceState;
  /** Energy since the driver was loaded; undefined on devices before Volta. */
  readJoules(): number | undefined;
  close(): void;
}

// nvml.h: NVML_CLOCK_SM, NVML_TEMPERATURE_GPU.
const smClock = 1;
const gpuSensor = 0;

/** The device at this bus address ("0000:01:00.0"), or the first; undefined where the library or the device is missing. */
export function openMonitor(busId?: string, paths = listDriverPaths("nvidia-ml")): DeviceMonitor | undefined {
  try {
    const library = loadFirst(paths);
    const declare = (signature: string) => library.func(`int ${signature}`) as (...values: unknown[]) => number;
    if (declare("nvmlInit_v2()")() !== 0) return undefined;
    const close = declare("nvmlShutdown()");
    const handle = new BigUint64Array(1);
    const found =
      busId === undefined
        ? declare("nvmlDeviceGetHandleByIndex_v2(uint32_t index, void *device)")(0, handle)
        : declare("nvmlDeviceGetHandleByPciBusId_v2(const char *busId, void *device)")(busId, handle);
    if (found !== 0) {
      close();
      return undefined;
    }
    const device = handle[0]!;
    const readText = (get: (...values: unknown[]) => number, ...first: unknown[]): string => {
      const text = new Uint8Array(96);
      return get(...first, text, text.byteLength) === 0
        ? Buffer.from(text.subarray(0, text.indexOf(0))).toString()
        : "";
    };
    const readNumber = (get: (...values: unknown[]) => number, ...before: unknown[]): number | undefined => {
      const value = new Uint32Array(1);
      return get(device, ...before, value) === 0 ? value[0]! : undefined;
    };
    const getName = declare("nvmlDeviceGetName(uint64_t device, void *text, uint32_t length)");
    const getDriver = declare("nvmlSystemGetDriverVersion(void *text, uint32_t length)");
    const getMemory = declare("nvmlDeviceGetMemoryInfo(uint64_t device, void *memory)");
    const getPower = declare("nvmlDeviceGetPowerUsage(uint64_t device, void *milliwatts)");
    const getLimit = declare("nvmlDeviceGetEnforcedPowerLimit(uint64_t device, void *milliwatts)");
    const getTemperature = declare("nvmlDeviceGetTemperature(uint64_t device, int sensor, void *celsius)");
    const getClock = declare("nvmlDeviceGetClockInfo(uint64_t device, int clock, void *megahertz)");
    const getEnergy = declare("nvmlDeviceGetTotalEnergyConsumption(uint64_t device, void *millijoules)");
    const scale = (value: number | undefined, by: number) => (value === undefined ? undefined : value * by);
    return {
      readState: () => {
        // nvmlMemory_t: total, free, used.
        const memory = new BigUint64Array(3);
        getMemory(device, memory);
        return {
          name: readText(getName, device),
          driverVersion: readText(getDriver),
          totalBytes: Number(memory[0]),
          usedBytes: Number(memory[2]),
          watts: scale(readNumber(getPower), 1e-3),
          limitWatts: scale(readNumber(getLimit), 1e-3),
          celsius: readNumber(getTemperature, gpuSensor),
          clockMegahertz: readNumber(getClock, smClock),
        };
      },
      readJoules: () => {
        const millijoules = new BigUint64Array(1);
        return getEnergy(device, millijoules) === 0 ? Number(millijoules[0]) / 1e3 : undefined;
      },
      close: () => {
        close();
      },
    };
  } catch {
    return undefined;
  }
}
