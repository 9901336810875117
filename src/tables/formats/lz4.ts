// An LZ4 frame unpacked (lz4_Frame_format.md 1.6, lz4_Block_format.md), as Arrow packs buffers. Blocks may refer to what earlier
// ones gave, so all of them unpack into one array, whose length is known before.

/** The content of a frame of `length` bytes. An Error says what is damaged. */
export function unpackLz4Frame(frame: Uint8Array, length: number): Uint8Array {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (view.getUint32(0, true) !== 0x184d2204) throw new Error("no LZ4 frame");
  const flags = frame[4]!;
  if (flags >> 6 !== 1 || (flags & 1) === 1) throw new Error("an LZ4 frame of another version, or with a dictionary");
  const [hasBlockChecksums, hasLength] = [(flags & 0x10) !== 0, (flags & 8) !== 0];
  if (hasLength && view.getBigUint64(6, true) !== BigInt(length)) throw new Error("an LZ4 frame of another length");
  const out = new Uint8Array(length);
  let done = 0;
  for (let at = hasLength ? 15 : 7; ; ) {
    const head = view.getUint32(at, true);
    at += 4;
    if (head === 0) break;
    const bytes = head & 0x7fffffff;
    if (at + bytes > frame.length) throw new Error("an LZ4 block that is longer than its frame");
    const block = frame.subarray(at, at + bytes);
    if (head >>> 31 === 0) done = unpackBlock(block, out, done);
    else {
      if (done + bytes > length) throw tooMuch();
      out.set(block, done);
      done += bytes;
    }
    at += bytes + (hasBlockChecksums ? 4 : 0);
  }
  if (done !== length) throw new Error(`an LZ4 frame of ${done} bytes instead of ${length}`);
  return out;
}

const tooMuch = () => new Error("an LZ4 frame with more than it says");

/** Unpacks a block behind what was unpacked before; returns where it ends. */
function unpackBlock(block: Uint8Array, out: Uint8Array, start: number): number {
  let [at, done] = [0, start];
  const readLength = (nibble: number): number => {
    let length = nibble;
    for (let byte = nibble === 15 ? 255 : 0; byte === 255; length += byte) {
      if (at >= block.length) throw new Error("an LZ4 block that ends early");
      byte = block[at++]!;
    }
    return length;
  };
  while (at < block.length) {
    const token = block[at++]!;
    const literals = readLength(token >> 4);
    if (at + literals > block.length) throw new Error("an LZ4 block that ends early");
    if (done + literals > out.length) throw tooMuch();
    out.set(block.subarray(at, at + literals), done);
    at += literals;
    done += literals;
    if (at === block.length) break;
    const offset = block[at]! | (block[at + 1]! << 8);
    at += 2;
    const match = readLength(token & 15) + 4;
    if (offset === 0 || offset > done) throw new Error("an LZ4 block that refers to nothing");
    if (done + match > out.length) throw tooMuch();
    // Byte by byte: what is copied may be what was just written.
    for (const end = done + match; done < end; done++) out[done] = out[done - offset]!;
  }
  return done;
}
