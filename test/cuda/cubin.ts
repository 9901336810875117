// What a cubin says of its kernels: the few fields of the ELF file that tell whether a kernel keeps anything in local memory,
// which is where registers that do not fit are spilled to.

import { Buffer } from "node:buffer";

/** Attribute of `.nv.info`: a kernel's symbol and the bytes of its stack frame. */
const frameSize = 0x11;

interface Section {
  readonly name: number;
  readonly type: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
}

/** Bytes of local memory that a thread of each kernel takes, by name; the compiler's own subroutines are left out. */
export function readFrameBytes(cubin: Uint8Array): Map<string, number> {
  const file = Buffer.from(cubin);
  const start = Number(file.readBigUInt64LE(0x28));
  const sections = Array.from({ length: file.readUInt16LE(0x3c) }, (_, i): Section => {
    const at = start + i * 64;
    return {
      name: file.readUInt32LE(at),
      type: file.readUInt32LE(at + 4),
      offset: Number(file.readBigUInt64LE(at + 24)),
      size: Number(file.readBigUInt64LE(at + 32)),
      link: file.readUInt32LE(at + 40),
    };
  });
  const textAt = (offset: number) => file.toString("latin1", offset, file.indexOf(0, offset));
  const names = sections[file.readUInt16LE(0x3e)]!;
  const symbols = sections.find(({ type }) => type === 2)!;
  const strings = sections[symbols.link]!;
  const info = sections.find(({ name }) => textAt(names.offset + name) === ".nv.info")!;
  const frames = new Map<string, number>();
  for (let at = info.offset; at < info.offset + info.size; ) {
    const hasPayload = file[at] === 4;
    if (hasPayload && file[at + 1] === frameSize) {
      const symbol = symbols.offset + 24 * file.readUInt32LE(at + 4);
      const name = textAt(strings.offset + file.readUInt32LE(symbol));
      if (!name.startsWith("$")) frames.set(name, file.readUInt32LE(at + 8));
    }
    at += 4 + (hasPayload ? file.readUInt16LE(at + 2) : 0);
  }
  return frames;
}
