// Arithmetic on array positions: sums of loop variables times factors, with quotients and remainders where a reshape
// needs them. Kept in one normal form, so that a reshape there and back cancels and equal positions have equal keys.

/** A loop variable, floor(of / by), of mod by, or an index read from memory (`load`, text supplied by the emitter). */
export type Atom =
  | { readonly kind: "variable"; readonly name: string; readonly size: number }
  | { readonly kind: "quotient" | "remainder"; readonly of: Index; readonly by: number }
  | { readonly kind: "load"; readonly key: string; readonly size: number };

export interface Index {
  readonly offset: number;
  readonly terms: readonly { readonly atom: Atom; readonly key: string; readonly factor: number }[];
}

export const zeroIndex: Index = { offset: 0, terms: [] };

export function constantIndex(offset: number): Index {
  return { offset, terms: [] };
}

export function variableIndex(name: string, size: number): Index {
  return size === 1 ? zeroIndex : fromAtom({ kind: "variable", name, size });
}

export function loadIndex(key: string, size: number): Index {
  return fromAtom({ kind: "load", key, size });
}

function fromAtom(atom: Atom): Index {
  return { offset: 0, terms: [{ atom, key: atomKey(atom), factor: 1 }] };
}

function atomKey(atom: Atom): string {
  if (atom.kind === "variable") return atom.name;
  if (atom.kind === "load") return `[${atom.key}]`;
  return `(${indexKey(atom.of)}${atom.kind === "quotient" ? "/" : "%"}${atom.by})`;
}

/** Equal for equal positions in normal form. */
export function indexKey(index: Index): string {
  return [...index.terms.map(term => `${term.factor}*${term.key}`), index.offset].join("+");
}

/** Smallest and largest value over the ranges of the variables. */
function indexRange(index: Index): [number, number] {
  let low = index.offset;
  let high = index.offset;
  for (const { atom, factor } of index.terms) {
    const top = (atomSize(atom) - 1) * factor;
    if (factor < 0) low += top;
    else high += top;
  }
  return [low, high];
}

function atomSize(atom: Atom): number {
  if (atom.kind === "variable" || atom.kind === "load") return atom.size;
  return atom.kind === "remainder" ? atom.by : Math.floor(indexRange(atom.of)[1] / atom.by) + 1;
}

/** How many values a position has at most: as many as its parts have together. */
export function countValues(index: Index): number {
  return index.terms.reduce((count, { atom }) => count * atomSize(atom), 1);
}

export function shiftIndex(index: Index, by: number): Index {
  return { offset: index.offset + by, terms: index.terms };
}

/** Σ factor · index, in normal form. */
export function combineIndices(parts: readonly { readonly index: Index; readonly factor: number }[]): Index {
  let offset = 0;
  const sums: { readonly atom: Atom; readonly key: string; factor: number }[] = [];
  const find = (key: string) => sums.find(sum => sum.key === key);
  for (const { index, factor } of parts) {
    offset += index.offset * factor;
    for (const term of index.terms) {
      const same = find(term.key);
      if (same === undefined) sums.push({ ...term, factor: term.factor * factor });
      else same.factor += term.factor * factor;
    }
  }
  for (const term of sums) {
    // floor(x / d) · k·d + (x mod d) · k = k · x
    if (term.atom.kind !== "remainder" || term.factor === 0) continue;
    const { of, by } = term.atom;
    const quotient = divideIndex(of, by);
    const whole = quotient.terms.length === 1 && quotient.offset === 0 ? find(quotient.terms[0]!.key) : undefined;
    if (whole !== undefined && whole.factor === quotient.terms[0]!.factor * term.factor * by) {
      const remaining = { offset, terms: sums.filter(sum => sum !== term && sum !== whole) };
      return combineIndices([
        { index: remaining, factor: 1 },
        { index: of, factor: term.factor },
      ]);
    }
  }
  const terms = sums.filter(term => term.factor !== 0).sort((a, b) => (a.key < b.key ? -1 : 1));
  return { offset, terms };
}

/** floor(index / by), with every part that divides exactly taken out. */
export function divideIndex(index: Index, by: number): Index {
  if (by === 1) return index;
  const { exact, rest } = splitByFactor(index, by);
  const [low, high] = indexRange(rest);
  if (low >= 0 && high < by) return exact;
  const { unit, coarse } = splitUnits(rest, by);
  return combineIndices([
    { index: exact, factor: 1 },
    { index: quotientOf(coarse, by / unit), factor: 1 },
  ]);
}

/** floor(index / by) as one atom; floor(floor(x / a) / b) is floor(x / ab). */
function quotientOf(index: Index, by: number): Index {
  const [term] = index.terms;
  const isQuotient = index.terms.length === 1 && index.offset === 0 && term!.factor === 1;
  if (isQuotient && term!.atom.kind === "quotient") return quotientOf(term!.atom.of, term!.atom.by * by);
  return fromAtom({ kind: "quotient", of: index, by });
}

/** index mod by, without the parts that are multiples of it. */
export function remainderIndex(index: Index, by: number): Index {
  if (by === 1) return zeroIndex;
  const { rest } = splitByFactor(index, by);
  const [low, high] = indexRange(rest);
  if (low >= 0 && high < by) return rest;
  const { unit, coarse, fine } = splitUnits(rest, by);
  return combineIndices([
    { index: fromAtom({ kind: "remainder", of: coarse, by: by / unit }), factor: unit },
    { index: fine, factor: 1 },
  ]);
}

/**
 * index = coarse · unit + fine with 0 ≤ fine < unit, the largest unit that divides `by`. Then floor(index / by) is
 * floor(coarse / (by / unit)): in a loop over columns that is a division less an element.
 */
function splitUnits(index: Index, by: number): { unit: number; coarse: Index; fine: Index } {
  const units = index.terms.map(({ factor }) => greatestCommonDivisor(Math.abs(factor), by)).sort((a, b) => b - a);
  for (const unit of units) {
    const { exact: coarse, rest: fine } = splitByFactor(index, unit);
    const [low, high] = indexRange(fine);
    if (low >= 0 && high < unit) return { unit, coarse, fine };
  }
  return { unit: 1, coarse: index, fine: zeroIndex };
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/** index = exact · by + rest. */
function splitByFactor(index: Index, by: number): { exact: Index; rest: Index } {
  const divisible = index.terms.filter(term => term.factor % by === 0);
  const others = index.terms.filter(term => term.factor % by !== 0);
  return {
    exact: {
      offset: Math.floor(index.offset / by),
      terms: divisible.map(term => ({ ...term, factor: term.factor / by })),
    },
    rest: { offset: index.offset - Math.floor(index.offset / by) * by, terms: others },
  };
}

/** The index with every variable replaced, in normal form. */
export function substituteVariables(index: Index, replace: (name: string, size: number) => Index): Index {
  const substitute = (atom: Atom): Index => {
    if (atom.kind === "variable") return replace(atom.name, atom.size);
    if (atom.kind === "load") return fromAtom(atom);
    const of = substituteVariables(atom.of, replace);
    return atom.kind === "quotient" ? divideIndex(of, atom.by) : remainderIndex(of, atom.by);
  };
  return combineIndices([
    { index: { offset: index.offset, terms: [] }, factor: 1 },
    ...index.terms.map(({ atom, factor }) => ({ index: substitute(atom), factor })),
  ]);
}

/** The factor of a variable when the index is a plain sum over variables; undefined when the variable is inside more. */
export function strideOf(index: Index, name: string): number | undefined {
  let stride = 0;
  for (const { atom, factor, key } of index.terms) {
    if (atom.kind === "variable") stride += atom.name === name ? factor : 0;
    else if (key.includes(name)) return undefined;
  }
  return stride;
}

/** The names of the variables that the index depends on. */
export function listVariables(index: Index): string[] {
  return index.terms.flatMap(({ atom }) => {
    if (atom.kind === "variable") return [atom.name];
    return atom.kind === "load" ? [] : listVariables(atom.of);
  });
}

/** As source text of any language with the arithmetic of C. */
export function emitIndex({ offset, terms }: Index): string {
  let text = "";
  for (const { atom, factor } of terms) {
    const size = Math.abs(factor);
    const product = size === 1 ? emitAtom(atom) : `${emitAtom(atom)} * ${size}`;
    if (text === "") text = factor < 0 ? `-${product}` : product;
    else text += factor < 0 ? ` - ${product}` : ` + ${product}`;
  }
  if (text === "") return String(offset);
  if (offset === 0) return text;
  return offset < 0 ? `${text} - ${-offset}` : `${text} + ${offset}`;
}

function emitAtom(atom: Atom): string {
  if (atom.kind === "variable") return atom.name;
  if (atom.kind === "load") throw new Error("an index that is read from memory has no name yet");
  const of = emitIndex(atom.of);
  return `${/^\w+$/.test(of) ? of : `(${of})`} ${atom.kind === "quotient" ? "/" : "%"} ${atom.by}`;
}
