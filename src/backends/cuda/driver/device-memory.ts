// The memory that one backend holds on a device, by what it is for, so that an error can say where it went. All programs share
// one arena, as they never run at once.

import { UserError } from "../../../base/errors.ts";
import { refuseOverlap } from "../../single-run.ts";
import type { CudaDriver } from "./driver.ts";

export type MemoryKind = "states" | "inputs and outputs" | "arena";

export class DeviceMemory {
  private readonly driver: CudaDriver;
  private readonly held: Record<MemoryKind, number> = { states: 0, "inputs and outputs": 0, arena: 0 };
  private arena: { readonly address: bigint; readonly bytes: number } | undefined;
  /** Around all that belongs to one run: its inputs, its launches, its outputs. */
  readonly alone = refuseOverlap();

  constructor(driver: CudaDriver) {
    this.driver = driver;
  }

  /** Zero-filled. UserError E_CUDA_MEMORY says what the memory is held for. */
  allocate(kind: MemoryKind, bytes: number): bigint {
    try {
      const address = this.driver.allocate(bytes);
      this.held[kind] += bytes;
      return address;
    } catch (cause) {
      if (!(cause instanceof UserError) || cause.code !== "E_CUDA_MEMORY") throw cause;
      const { name, memoryBytes } = this.driver.device;
      const needs = Object.entries(this.held)
        .map(([each, own]) => `${each} ${mebibytes(own + (each === kind ? bytes : 0))}`)
        .join(", ");
      throw new UserError(
        "E_CUDA_MEMORY",
        `${name} does not hold this run: ${needs}; ${mebibytes(this.driver.freeBytes())} of ${mebibytes(memoryBytes)} are left for the last ${mebibytes(bytes)}`,
        "Set train.microBatchSequences lower, or end other programs on this device.",
        { cause },
      );
    }
  }

  free(kind: MemoryKind, address: bigint, bytes: number): void {
    this.driver.free(address);
    this.held[kind] -= bytes;
  }

  /** Makes the arena at least this large. It moves when it grows. */
  reserveArena(bytes: number): void {
    if (this.arena !== undefined && this.arena.bytes >= bytes) return;
    if (this.arena !== undefined) this.free("arena", this.arena.address, this.arena.bytes);
    this.arena = undefined;
    this.arena = { address: this.allocate("arena", bytes), bytes };
  }

  get arenaAddress(): bigint {
    return this.arena?.address ?? 0n;
  }
}

const mebibytes = (bytes: number) => `${Math.ceil(bytes / 2 ** 20).toLocaleString("en-US")} MiB`;
