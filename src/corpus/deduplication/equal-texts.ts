// Exact duplicates: a document whose text was there before is dropped. 64 bits of SHA-256 stand for a text, 16 to 32 bytes
// a document in memory; among 100 million documents the odds of one wrong drop are 1 in 3,700.

import { hash } from "node:crypto";

/** The documents seen so far, by content. */
export class SeenTexts {
  private slots = new BigUint64Array(1 << 16); // 0 is free
  private count = 0;

  /** Whether this text is new; from then on it is not. */
  add(text: string): boolean {
    // Through hexadecimal digits, because a Buffer for each text costs three times as much.
    const key = BigInt(`0x${hash("sha256", text, "hex").slice(0, 16)}`) || 1n;
    if (!this.insert(key)) return false;
    if (2 * ++this.count > this.slots.length) this.grow();
    return true;
  }

  private insert(key: bigint): boolean {
    const mask = this.slots.length - 1;
    let slot = Number(key & 0xffffffffn) & mask;
    for (; this.slots[slot] !== 0n; slot = (slot + 1) & mask) if (this.slots[slot] === key) return false;
    this.slots[slot] = key;
    return true;
  }

  private grow(): void {
    const old = this.slots;
    this.slots = new BigUint64Array(2 * old.length);
    for (const key of old) if (key !== 0n) this.insert(key);
  }
}
