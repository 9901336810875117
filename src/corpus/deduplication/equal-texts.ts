// Exact duplicates: a document whose text was there before is dropped. 64 bits of SHA-256 stand for a text, 16 to 32 bytes
// a document in memory; among 100 million documents the odds of one wrong drop are 1 in 3,700.

import { hash } from "node:crypto";

/** 64 bits of a text's hash, in two words. */
export interface TextKey {
  readonly high: number;
  readonly low: number;
}

/** The documents seen so far, by content. */
export class SeenTexts {
  private slots = new Uint32Array(1 << 15); // two words a slot; both 0 is free
  private count = 0;

  /** The key of a text that is new, and from then on is not; undefined of one that was there. */
  take(text: string | Uint8Array): TextKey | undefined {
    // Through hexadecimal digits, because a Buffer for each text costs three times as much.
    const digits = hash("sha256", text, "hex");
    const key = { high: Number.parseInt(digits.slice(0, 8), 16), low: Number.parseInt(digits.slice(8, 16), 16) };
    return this.add(key) ? key : undefined;
  }

  /** Whether this key is new; from then on it is not. */
  add({ high, low }: TextKey): boolean {
    if (!this.insert(high, high === 0 && low === 0 ? 1 : low)) return false;
    if (4 * ++this.count > this.slots.length) this.grow();
    return true;
  }

  private insert(high: number, low: number): boolean {
    const { slots } = this;
    const mask = slots.length / 2 - 1;
    for (let slot = low & mask; ; slot = (slot + 1) & mask) {
      const [first, second] = [slots[2 * slot]!, slots[2 * slot + 1]!];
      if (first === high && second === low) return false;
      if (first !== 0 || second !== 0) continue;
      slots[2 * slot] = high;
      slots[2 * slot + 1] = low;
      return true;
    }
  }

  private grow(): void {
    const old = this.slots;
    this.slots = new Uint32Array(2 * old.length);
    for (let i = 0; i < old.length; i += 2) {
      if (old[i] !== 0 || old[i + 1] !== 0) this.insert(old[i]!, old[i + 1]!);
    }
  }
}
