// A gzip (RFC 1952) unpacked. Its members are told apart here, and a library unpacks what each holds; where one ends is then known
// exactly, so that bytes behind a whole file are told apart from a damaged one. Zeros behind it are padding, as gzip takes them.

import { crc32, createInflateRaw, inflateRawSync } from "node:zlib";
import { PackedFault, PackedInput } from "./packed-input.ts";

const bytesPerUnpack = 1 << 18;
/** Packed: a member of no more is unpacked at once, for it costs less than to begin with one. */
const shortBytes = 1 << 16;
const [hasChecksum, hasExtra, hasName, hasComment, reserved] = [2, 4, 8, 16, 0xe0];

/** Unpacks the members of a file, one behind the other. Throws a PackedFault for what is damaged. */
export async function* unpackMembers(packed: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  const input = new PackedInput(packed);
  try {
    do yield* unpackMember(input);
    while (!(await isAtEnd(input)));
  } finally {
    await packed.return(undefined);
  }
}

async function isAtEnd(input: PackedInput): Promise<boolean> {
  for (let padding = false; ; padding = true) {
    const piece = await input.takePiece();
    if (piece === undefined) return true;
    const begin = piece.findIndex(byte => byte !== 0);
    if (begin < 0) continue;
    input.giveBack(piece.subarray(begin));
    if (begin > 0 || padding) throw new PackedFault("what follows it is none", "tail");
    return false;
  }
}

async function unpackHeader(input: PackedInput): Promise<void> {
  for (const byte of [0x1f, 0x8b]) {
    if ((await input.take(1))[0] === byte) continue;
    if (input.bytesTaken <= 2) throw new PackedFault("it does not begin as one");
    throw new PackedFault("what follows it is none", "tail");
  }
  const [method, flags] = await input.take(8);
  if (method !== 8 || (flags! & reserved) !== 0) throw new PackedFault("a header that no program writes");
  if (flags! & hasExtra) await input.skip((await input.take(2)).readUInt16LE());
  for (const flag of [hasName, hasComment]) {
    while (flags! & flag && (await input.take(1))[0] !== 0);
  }
  if (flags! & hasChecksum) await input.take(2);
}

async function* unpackMember(input: PackedInput): AsyncGenerator<Buffer> {
  await unpackHeader(input);
  let [bytes, checksum] = [0, 0];
  for await (const piece of inflate(input)) {
    bytes += piece.length;
    checksum = crc32(piece, checksum);
    yield piece;
  }
  const trailer = await input.take(8);
  if (trailer.readUInt32LE() !== checksum) throw new PackedFault("the checksum of its content is another");
  if (trailer.readUInt32LE(4) !== bytes % 2 ** 32) throw new PackedFault("the length of its content is another");
}

/** What a member holds; the bytes behind it stay in the input. */
async function* inflate(input: PackedInput): AsyncGenerator<Buffer> {
  const short = await inflateShort(input);
  if (short !== undefined) {
    if (short.length > 0) yield short;
    return;
  }
  const inflating = createInflateRaw({ chunkSize: bytesPerUnpack });
  let bytesFed = 0;
  const feed = async () => {
    for (;;) {
      const piece = await input.takePiece();
      if (piece === undefined) return void inflating.end();
      bytesFed += piece.length;
      await new Promise<void>(done => inflating.write(piece, () => done()));
      // It takes no more than what it unpacks.
      const rest = bytesFed - inflating.bytesWritten;
      if (rest > 0) return input.giveBack(piece.subarray(piece.length - rest));
    }
  };
  feed().catch((error: Error) => inflating.destroy(error));
  try {
    for await (const piece of inflating) yield piece as Buffer;
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (!code?.startsWith("Z_")) throw cause;
    throw Object.assign(new PackedFault(message, code === "Z_BUF_ERROR" ? "cut" : "damaged"), { cause });
  }
}

/** What a member holds that is short and at hand; undefined for another, and one that is damaged. */
async function inflateShort(input: PackedInput): Promise<Buffer | undefined> {
  const piece = await input.takePiece();
  if (piece === undefined) return undefined;
  try {
    const unpacked = inflateRawSync(piece.subarray(0, shortBytes), { info: true, maxOutputLength: bytesPerUnpack });
    const { buffer, engine } = unpacked as unknown as { buffer: Buffer; engine: { bytesWritten: number } };
    input.giveBack(piece.subarray(engine.bytesWritten));
    return buffer;
  } catch {
    // What is wrong with it is found where it is unpacked piece by piece.
    input.giveBack(piece);
    return undefined;
  }
}
