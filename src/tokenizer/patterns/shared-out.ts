// Whether what a pattern repeats can be shared out among its repetitions in more than one way, as in (a+)+, (?:a|aa)* or (?:a{1,3})+. Each
// repetition more then has twice as many ways, and a search that fails goes through all of them. Parts of a pattern are the characters that
// they read, by number, and which of them may follow which.

import { haveCommon } from "./common-characters.ts";

/**
 * Of a part: the characters that it may begin and end with, twice what it may in two ways; in how many ways it reads nothing, 0, 1 or 2 for
 * more; whether anything in it is repeated, and whether without an end.
 */
export interface Reading {
  readonly first: readonly number[];
  readonly last: readonly number[];
  readonly empty: number;
  readonly repeats: boolean;
  readonly isEndless: boolean;
}
export const nothing: Reading = { first: [], last: [], empty: 1, repeats: false, isEndless: false };

/** A repetition of at most so much of what ends is shared out in few ways. */
const fewTimes = 3;
/** What is repeated exactly so often is followed so far, and over so many characters. */
const mostCopies = 8;
const mostCopied = 64;
/** More than any pattern repeats that a person wrote: of more it is not looked for. */
const mostRepeated = 300;

export class Characters {
  /** How JavaScript writes each one's set. */
  private readonly sets: string[] = [];
  /** Twice where there are two ways from one to the other. */
  private readonly next: number[][] = [];

  get count(): number {
    return this.sets.length;
  }

  add(set: string): Reading {
    this.next.push([]);
    const added = [this.sets.push(set) - 1];
    return { ...nothing, first: added, last: added, empty: 0 };
  }

  /** One that stands for all that were added from `begin` on: what is taken whole, however much it reads. */
  addWhole(begin: number, { empty }: Reading): Reading {
    const sets = this.sets.slice(begin);
    return sets.length === 0 ? nothing : { ...this.add(`[${sets.join("")}]`), empty: Math.min(1, empty) };
  }

  /** One part behind another. */
  join(before: Reading, after: Reading): Reading {
    this.follow(before.last, after.first);
    return {
      first: twiceAtMost([...before.first, ...times(after.first, before.empty)]),
      last: twiceAtMost([...times(before.last, after.empty), ...after.last]),
      empty: Math.min(2, before.empty * after.empty),
      repeats: before.repeats || after.repeats,
      isEndless: before.isEndless || after.isEndless,
    };
  }

  /** One part or the other. */
  either(one: Reading, other: Reading): Reading {
    return {
      first: [...one.first, ...other.first],
      last: [...one.last, ...other.last],
      empty: Math.min(2, one.empty + other.empty),
      repeats: one.repeats || other.repeats,
      isEndless: one.isEndless || other.isEndless,
    };
  }

  /** A part, added from `begin` on, so often; undefined where some texts could be shared out in too many ways. */
  repeat(part: Reading, least: number, most: number, begin: number): Reading | undefined {
    // No search repeats what reads nothing oftener than it has to.
    const whole = { ...part, empty: least === 0 ? 1 : part.empty };
    if (most < 2) return whole;
    if (least === most && !part.repeats) return this.repeatExactly(part, most, begin);
    this.follow(part.last, part.first);
    const isFew = most <= fewTimes && !part.isEndless;
    if (!isFew && this.isSharedOutInWays(part.first)) return undefined;
    return { ...whole, repeats: true, isEndless: part.isEndless || most === Number.POSITIVE_INFINITY };
  }

  private repeatExactly(part: Reading, count: number, begin: number): Reading {
    const size = this.count - begin;
    const copies = Math.min(count, mostCopies, Math.floor(mostCopied / size));
    let all = part;
    for (let n = 1; n < copies; n++) {
      for (let each = begin; each < begin + size; each++) {
        const inside = this.next[each]!.filter(at => at < begin + size);
        this.sets.push(this.sets[each]!);
        this.next.push(inside.map(at => at + n * size));
      }
      const move = (characters: readonly number[]) => characters.map(each => each + n * size);
      all = this.join(all, { ...part, first: move(part.first), last: move(part.last) });
    }
    return all;
  }

  private follow(before: readonly number[], after: readonly number[]): void {
    for (const each of before) this.next[each]!.push(...after);
  }

  /** Of what begins with these and repeats: every character in it leads to every other. */
  private isSharedOutInWays(first: readonly number[]): boolean {
    const repeated = new Set(first);
    for (const each of repeated) for (const next of this.next[each]!) repeated.add(next);
    if (repeated.size > mostRepeated) return true;
    for (const each of repeated) if (new Set(this.next[each]).size < this.next[each]!.length) return true;
    // Two ways through one text, a pair of characters at a time, from the same place to another one each, and back to the same.
    const same = [...repeated].map(each => this.pair(each, each));
    const before = new Map<number, number[]>();
    const reached = new Set(same);
    for (const pair of reached) {
      for (const one of this.next[Math.floor(pair / this.count)]!) {
        for (const other of this.next[pair % this.count]!) {
          if (!haveCommon(this.sets[one]!, this.sets[other]!)) continue;
          const after = this.pair(one, other);
          reached.add(after);
          before.set(after, [...(before.get(after) ?? []), pair]);
        }
      }
    }
    const returning = new Set(same);
    for (const pair of returning) for (const each of before.get(pair) ?? []) returning.add(each);
    return returning.size > repeated.size;
  }

  private pair(one: number, other: number): number {
    return one * this.count + other;
  }
}

const times = (characters: readonly number[], count: number): number[] =>
  Array.from({ length: count }, () => characters).flat();
const twiceAtMost = (characters: readonly number[]): number[] =>
  characters.filter((each, i) => characters.indexOf(each) === i || characters.lastIndexOf(each) === i);
