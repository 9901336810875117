// Page-locked memory between host and device. Inputs are copied into a ring and sent from there, so that the host may go on with
// its own array at once; results come back into a second piece, so that fetching a loss blocks nothing.

import { koffi } from "../foreign-functions.ts";
import { cudaConstants, type DriverApi } from "./driver/driver-api.ts";

const ringBytes = 64 * 2 ** 20;
const returnBytes = 2 ** 20;
const granuleBytes = 64;

export class Staging {
  private readonly api: DriverApi;
  private readonly stream: bigint;
  private readonly address: bigint;
  private readonly bytes: Uint8Array;
  /** One for each half of the ring: passed when all that was sent from it has arrived. */
  private readonly sent: readonly [bigint, bigint];
  private half: 0 | 1 = 0;
  private used = 0;
  private returnUsed = 0;
  private returnsUnderWay = 0;

  constructor(api: DriverApi, stream: bigint) {
    this.api = api;
    this.stream = stream;
    this.address = api.create("cuMemHostAlloc", ringBytes + returnBytes, 0);
    this.bytes = new Uint8Array(koffi.view(this.address, ringBytes + returnBytes));
    const createEvent = () => api.create("cuEventCreate", cudaConstants.CU_EVENT_DISABLE_TIMING);
    this.sent = [createEvent(), createEvent()];
  }

  /** Sends a copy. It waits only where more than half a ring is on its way. */
  send(address: bigint, values: NodeJS.TypedArray): void {
    const source = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const halfBytes = ringBytes / 2;
    for (let done = 0; done < source.byteLength; ) {
      if (this.used === halfBytes) this.turnRing();
      const count = Math.min(source.byteLength - done, halfBytes - this.used);
      const at = this.half * halfBytes + this.used;
      this.bytes.set(source.subarray(done, done + count), at);
      const from = this.address + BigInt(at);
      this.api.call("cuMemcpyHtoDAsync_v2", address + BigInt(done), from, count, this.stream);
      this.used = Math.min(halfBytes, Math.ceil((this.used + count) / granuleBytes) * granuleBytes);
      done += count;
    }
  }

  private turnRing(): void {
    this.api.call("cuEventRecord", this.sent[this.half], this.stream);
    this.half = this.half === 0 ? 1 : 0;
    this.used = 0;
    this.api.call("cuEventSynchronize", this.sent[this.half]);
  }

  /** Asks for a copy of device memory; `take` hands it over after the stream has got there. Undefined when it is too large. */
  receive(address: bigint, bytes: number): { take(values: NodeJS.TypedArray): void } | undefined {
    const at = ringBytes + this.returnUsed;
    if (this.returnUsed + bytes > returnBytes) return undefined;
    this.api.call("cuMemcpyDtoHAsync_v2", this.address + BigInt(at), address, bytes, this.stream);
    this.returnUsed += Math.ceil(bytes / granuleBytes) * granuleBytes;
    this.returnsUnderWay++;
    return {
      take: values => {
        const target = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
        target.set(this.bytes.subarray(at, at + bytes));
        if (--this.returnsUnderWay === 0) this.returnUsed = 0;
      },
    };
  }

  /** After the stream has come to rest. */
  close(): void {
    for (const event of this.sent) this.api.call("cuEventDestroy_v2", event);
    this.api.call("cuMemFreeHost", this.address);
  }
}
