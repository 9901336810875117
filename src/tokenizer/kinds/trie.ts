// Texts by their UTF-16 units, one node for each beginning: all pieces that begin at a place of a word are found in one walk.

import { PairTable } from "../encoding/pair-table.ts";

export class Trie {
  /** By node: the number of the text that ends there, or -1. Node 0 is the empty text. */
  values = new Int32Array(1 << 10).fill(-1);
  private nodes = 1;
  private readonly children = new PairTable(-1);

  /** The node behind another one by one unit more; -1 for none. */
  child(node: number, unit: number): number {
    return this.children.get(node, unit);
  }

  /** Puts in a text with its number, which is not negative. Returns its node. */
  add(text: string, value: number): number {
    const node = this.plant(text);
    this.values[node] = value;
    return node;
  }

  /** The node of a text, which is made where there is none. */
  plant(text: string): number {
    let node = 0;
    for (let i = 0; i < text.length; i++) {
      node = this.children.put(node, text.charCodeAt(i), this.nodes);
      if (node < this.nodes) continue;
      this.nodes++;
      if (node < this.values.length) continue;
      const grown = new Int32Array(2 * node).fill(-1);
      grown.set(this.values);
      this.values = grown;
    }
    return node;
  }
}
