// The pages of a parquet file, checked before a library decodes them: that they lie in the file and unpack to sizes that a page
// has, and that their bytes have the checksum their header gives. The library believes every number it reads, and one wrong bit
// of a number can make it unpack for ever.

import { crc32 } from "node:zlib";

/** Pages are a megabyte by custom, and one value at least. */
const largestPageBytes = 2 ** 28;
const mostPageValues = 2 ** 26;

interface PageHeader {
  readonly unpackedBytes: number;
  readonly packedBytes: number;
  readonly checksum: number | undefined;
  readonly values: number;
  /** Where the page's bytes begin. */
  readonly start: number;
}

/** Checks the pages of one column of one group of rows; an Error says what is wrong. `values` is how many it should hold. */
export function checkPages(chunk: Uint8Array, values: number): void {
  let seen = 0;
  for (let at = 0; at < chunk.length; ) {
    // As in the library: what is left when every value was seen is padding.
    if (seen >= values) return;
    const page = readPageHeader(chunk, at);
    const end = page.start + page.packedBytes;
    if (page.packedBytes < 0 || end > chunk.length) throw new Error("a page that is longer than its column");
    if (page.unpackedBytes < 0 || page.unpackedBytes > largestPageBytes)
      throw new Error("a page of a size that none has");
    if (page.values < 0 || page.values > mostPageValues) throw new Error("a page of more values than any has");
    if (page.checksum !== undefined && crc32(chunk.subarray(page.start, end)) !== page.checksum >>> 0) {
      throw new Error("a page whose checksum is another");
    }
    seen += page.values;
    at = end;
  }
  if (seen < values) throw new Error("fewer values than its index says");
}

/** Thrift's compact protocol, as far as a page's header needs it. */
function readPageHeader(bytes: Uint8Array, start: number): PageHeader {
  const reader = new ThriftReader(bytes, start);
  let [unpackedBytes, packedBytes, values] = [-1, -1, 0];
  let checksum: number | undefined;
  reader.readFields(1, (field, type) => {
    if (field === 2) unpackedBytes = reader.readInteger();
    else if (field === 3) packedBytes = reader.readInteger();
    else if (field === 4) checksum = reader.readInteger();
    else if (field === 5 || field === 8) {
      // A data page of either version, whose first field is how many values it holds.
      reader.readFields(2, (inner, innerType) => {
        if (inner === 1) values = reader.readInteger();
        else reader.pass(innerType, 3);
      });
    } else reader.pass(type, 2);
  });
  return { unpackedBytes, packedBytes, checksum, values, start: reader.at };
}

const deepestNesting = 16;

class ThriftReader {
  private readonly bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.bytes = bytes;
    this.at = at;
  }

  readFields(depth: number, read: (field: number, type: number) => void): void {
    if (depth > deepestNesting) throw new Error("a page whose header is nested too deep");
    for (let field = 0; ; ) {
      const byte = this.readByte();
      if (byte === 0) return;
      field = byte >> 4 === 0 ? this.readInteger() : field + (byte >> 4);
      read(field, byte & 15);
    }
  }

  /** A number of 32 bits; of longer ones the lowest 32. */
  readInteger(): number {
    const value = this.readVarint();
    return (value >>> 1) ^ -(value & 1);
  }

  pass(type: number, depth: number): void {
    if (type === 1 || type === 2) return;
    if (type === 3) this.skip(1);
    else if (type >= 4 && type <= 6) this.readVarint();
    else if (type === 7) this.skip(8);
    else if (type === 8) this.skip(this.readVarint() >>> 0);
    else if (type === 12) this.readFields(depth, (_, inner) => this.pass(inner, depth + 1));
    else throw new Error("a page whose header is none");
  }

  private readVarint(): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.readByte();
      if (shift < 32) value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
    throw new Error("a page whose header is none");
  }

  private readByte(): number {
    if (this.at >= this.bytes.length) throw new Error("a page whose header ends early");
    return this.bytes[this.at++]!;
  }

  private skip(count: number): void {
    this.at += count;
    if (this.at > this.bytes.length) throw new Error("a page whose header ends early");
  }
}
