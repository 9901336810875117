// A Zstandard file (RFC 8878) unpacked. Its frames and their blocks are told apart here, and a library unpacks each frame. The library
// compares nothing with what it gives, so the length and the checksum that a frame names are compared here, and where a file ends
// within a frame is known exactly. A frame without a checksum, as some programs write, is as trusted as a file that is not packed.

import { Decompress } from "fzstd";
import xxhash, { type XXHashAPI } from "xxhash-wasm";

/** What is wrong with a file; who reads it says which one it is. */
export class ZstdFault extends Error {
  /** Whether the file ends within a frame. */
  readonly endsEarly: boolean;

  constructor(message: string, endsEarly = false) {
    super(message);
    this.endsEarly = endsEarly;
  }
}

/** Of a block, packed or not. */
const mostBlockBytes = 1 << 17;
/** Of a block's header: the middle two bits. */
const rle = 1;
const reserved = 3;

/** Unpacks the frames of a file, one behind the other, in pieces of a block. Throws a ZstdFault for what is damaged. */
export async function* unpackZstd(packed: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  const input = new Input(packed);
  try {
    const hashes = await xxhash();
    do {
      const magic = (await input.take(4)).readUInt32LE();
      if (magic >>> 4 === 0x184d2a5) await input.skip((await input.take(4)).readUInt32LE());
      else if (magic === 0xfd2fb528) yield* unpackFrame(input, hashes);
      else
        throw new ZstdFault(
          input.bytesTaken === 4 ? "it does not begin as one" : "a frame is followed by what is none",
        );
    } while (!(await input.isAtEnd()));
  } finally {
    await packed.return(undefined);
  }
}

async function* unpackFrame(input: Input, { create64 }: XXHashAPI): AsyncGenerator<Buffer> {
  const { bytes, contentBytes, hasChecksum } = await takeHeader(input);
  let content: Buffer[] = [];
  const unpacker = new Decompress(piece => {
    // The unpacker writes over the memory it hands out.
    if (piece.length > 0) content.push(Buffer.from(piece));
  });
  const hash = create64();
  let unpackedBytes = 0;
  push(unpacker, bytes, false);
  for (let isLast = false; !isLast; ) {
    const head = await input.take(3);
    const [header, type] = [head.readUIntLE(0, 3), (head[0]! >> 1) & 3];
    isLast = (header & 1) === 1;
    const blockBytes = header >> 3;
    if (type === reserved || blockBytes > mostBlockBytes) throw new ZstdFault("a block that no program writes");
    const block = await input.take(type === rle ? 1 : blockBytes);
    const checksum = isLast && hasChecksum ? await input.take(4) : Buffer.alloc(0);
    push(unpacker, Buffer.concat([head, block, checksum]), isLast);
    for (const piece of content) {
      hash.update(piece);
      unpackedBytes += piece.length;
      yield piece;
    }
    content = [];
    if (checksum.length > 0 && checksum.readUInt32LE() !== Number(hash.digest() & 0xffffffffn)) {
      throw new ZstdFault("the checksum of its content is another");
    }
  }
  if (contentBytes !== undefined && contentBytes !== BigInt(unpackedBytes)) {
    throw new ZstdFault(`a frame of ${contentBytes} bytes holds ${unpackedBytes}`);
  }
}

interface FrameHeader {
  /** With the magic number before it. */
  readonly bytes: Buffer;
  readonly contentBytes: bigint | undefined;
  readonly hasChecksum: boolean;
}

/** The header behind the magic number: a descriptor, the window's size, a dictionary's number, the content's length. */
async function takeHeader(input: Input): Promise<FrameHeader> {
  const descriptor = await input.take(1);
  const flags = descriptor[0]!;
  if ((flags & 0b1000) !== 0) throw new ZstdFault("a frame of a version to come");
  const isSingleSegment = (flags & 0b10_0000) !== 0;
  const dictionaryBytes = [0, 1, 2, 4][flags & 3]!;
  const lengthBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][flags >> 6]!;
  const rest = await input.take((isSingleSegment ? 0 : 1) + dictionaryBytes + lengthBytes);
  if (dictionaryBytes > 0 && rest.readUIntLE(rest.length - lengthBytes - dictionaryBytes, dictionaryBytes) !== 0) {
    throw new ZstdFault("a frame that was packed with a dictionary");
  }
  const length = rest.subarray(rest.length - lengthBytes);
  const contentBytes =
    lengthBytes === 0
      ? undefined
      : lengthBytes === 8
        ? length.readBigUInt64LE()
        : BigInt(length.readUIntLE(0, lengthBytes) + (lengthBytes === 2 ? 256 : 0));
  const magic = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
  return { bytes: Buffer.concat([magic, descriptor, rest]), contentBytes, hasChecksum: (flags & 0b100) !== 0 };
}

function push(unpacker: Decompress, bytes: Buffer, isLast: boolean): void {
  try {
    unpacker.push(bytes, isLast);
  } catch (cause) {
    throw Object.assign(new ZstdFault((cause as Error).message), { cause });
  }
}

/** The packed bytes, taken as many at a time as a part of a frame has. */
class Input {
  bytesTaken = 0;
  private readonly packed: AsyncGenerator<Buffer>;
  private waiting: Buffer = Buffer.alloc(0);

  constructor(packed: AsyncGenerator<Buffer>) {
    this.packed = packed;
  }

  /** Throws a ZstdFault where fewer are left. */
  async take(count: number): Promise<Buffer> {
    const pieces = [this.waiting];
    for (let length = this.waiting.length; length < count; ) {
      const { done, value } = await this.packed.next();
      if (done === true) throw new ZstdFault("it ends within a frame", true);
      pieces.push(value);
      length += value.length;
    }
    const bytes = pieces.length === 1 ? this.waiting : Buffer.concat(pieces);
    this.waiting = bytes.subarray(count);
    this.bytesTaken += count;
    return bytes.subarray(0, count);
  }

  /** As take, of any length, with nothing held. */
  async skip(count: number): Promise<void> {
    for (let left = count; left > 0; ) {
      if (await this.isAtEnd()) throw new ZstdFault("it ends within a frame", true);
      left -= (await this.take(Math.min(left, this.waiting.length))).length;
    }
  }

  async isAtEnd(): Promise<boolean> {
    while (this.waiting.length === 0) {
      const { done, value } = await this.packed.next();
      if (done === true) return true;
      this.waiting = value;
    }
    return false;
  }
}
