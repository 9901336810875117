// The UTF-16 units of a text as numbers in an array. A string is asked unit by unit what kind of string it is; an array is not, and the
// words of a text are gone through twice.

import { endianness } from "node:os";

/** So short a text costs less unit by unit than a call out of JavaScript. */
const short = 64;

/** The units of one text after another, in an array that is reused. */
export class TextUnits {
  units = new Uint16Array(1 << 12);
  length = 0;
  private bytes = Buffer.from(this.units.buffer);

  read(text: string): void {
    const { length } = text;
    this.length = length;
    if (length > this.units.length) {
      this.units = new Uint16Array(2 * length);
      this.bytes = Buffer.from(this.units.buffer);
    }
    if (length <= short || endianness() === "BE") {
      const { units } = this;
      for (let i = 0; i < length; i++) units[i] = text.charCodeAt(i);
    } else this.bytes.write(text, 0, 2 * length, "utf16le");
  }
}
