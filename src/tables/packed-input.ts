// The bytes of a packed file, for those who unpack it part by part, and what may be wrong with them.

/** What is wrong with a file; who reads it says which one it is. */
export class PackedFault extends Error {
  /** cut: the file ends within a part. tail: all parts are whole, and bytes follow them that are none. */
  readonly kind: "damaged" | "cut" | "tail";

  constructor(message: string, kind: PackedFault["kind"] = "damaged") {
    super(message);
    this.kind = kind;
  }
}

/** The packed bytes, taken as many at a time as a part has. */
export class PackedInput {
  bytesTaken = 0;
  private readonly packed: AsyncGenerator<Buffer>;
  private waiting: Buffer = Buffer.alloc(0);

  constructor(packed: AsyncGenerator<Buffer>) {
    this.packed = packed;
  }

  /** Throws a PackedFault where fewer are left. */
  async take(count: number): Promise<Buffer> {
    const pieces = [this.waiting];
    for (let length = this.waiting.length; length < count; ) {
      const { done, value } = await this.packed.next();
      if (done === true) throw new PackedFault("it ends early", "cut");
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
      if (await this.isAtEnd()) throw new PackedFault("it ends early", "cut");
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

  /** What is at hand, undefined at the end; what of it was not wanted is given back. */
  async takePiece(): Promise<Buffer | undefined> {
    if (await this.isAtEnd()) return undefined;
    return this.take(this.waiting.length);
  }

  giveBack(bytes: Buffer): void {
    this.waiting = this.waiting.length === 0 ? bytes : Buffer.concat([bytes, this.waiting]);
    this.bytesTaken -= bytes.length;
  }
}
