// A Zstandard file (RFC 8878) unpacked. Its frames and their blocks are told apart here, and a library unpacks each frame. The library
// compares nothing with what it gives, so the length and the checksum that a frame names are compared here, and where a file ends
// within a frame is known exactly. A frame without a checksum, as some programs write, is as trusted as a file that is not packed.

import { Decompress } from "fzstd";
import xxhash, { type XXHashAPI } from "xxhash-wasm";
import { PackedFault, PackedInput } from "./packed-input.ts";

/** Of a block, packed or not. */
const mostBlockBytes = 1 << 17;
/** Of a block's header: the middle two bits. */
const rle = 1;
const reserved = 3;

/** Unpacks the frames of a file, one behind the other, in pieces of a block. Throws a PackedFault for what is damaged. */
export async function* unpackZstd(packed: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  const input = new PackedInput(packed);
  try {
    const hashes = await xxhash();
    do {
      const magic = (await input.take(4)).readUInt32LE();
      if (magic >>> 4 === 0x184d2a5) await input.skip((await input.take(4)).readUInt32LE());
      else if (magic === 0xfd2fb528) yield* unpackFrame(input, hashes);
      else if (input.bytesTaken === 4) throw new PackedFault("it does not begin as one");
      else throw new PackedFault("what follows it is none", "tail");
    } while (!(await input.isAtEnd()));
  } finally {
    await packed.return(undefined);
  }
}

async function* unpackFrame(input: PackedInput, { create64 }: XXHashAPI): AsyncGenerator<Buffer> {
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
    if (type === reserved || blockBytes > mostBlockBytes) throw new PackedFault("a block that no program writes");
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
      throw new PackedFault("the checksum of its content is another");
    }
  }
  if (contentBytes !== undefined && contentBytes !== BigInt(unpackedBytes)) {
    throw new PackedFault(`a frame of ${contentBytes} bytes holds ${unpackedBytes}`);
  }
}

interface FrameHeader {
  /** With the magic number before it. */
  readonly bytes: Buffer;
  readonly contentBytes: bigint | undefined;
  readonly hasChecksum: boolean;
}

/** The header behind the magic number: a descriptor, the window's size, a dictionary's number, the content's length. */
async function takeHeader(input: PackedInput): Promise<FrameHeader> {
  const descriptor = await input.take(1);
  const flags = descriptor[0]!;
  if ((flags & 0b1000) !== 0) throw new PackedFault("a frame of a version to come");
  const isSingleSegment = (flags & 0b10_0000) !== 0;
  const dictionaryBytes = [0, 1, 2, 4][flags & 3]!;
  const lengthBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][flags >> 6]!;
  const rest = await input.take((isSingleSegment ? 0 : 1) + dictionaryBytes + lengthBytes);
  if (dictionaryBytes > 0 && rest.readUIntLE(rest.length - lengthBytes - dictionaryBytes, dictionaryBytes) !== 0) {
    throw new PackedFault("a frame that was packed with a dictionary");
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
    throw Object.assign(new PackedFault((cause as Error).message), { cause });
  }
}
