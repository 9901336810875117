// The numbers that golden scripts and the tests of what they wrote make for themselves, so that no file has to hold them: a function of a
// name alone (scripts/formula.py is the same).

export type Summary = readonly [norm: number, probe: number];

/** Values between -1 and 1. */
export function formula(name: string, count: number): number[] {
  let seed = 0;
  for (const character of name) seed = (seed * 31 + character.codePointAt(0)!) % 65521;
  return Array.from({ length: count }, (_, i) => Math.sin(0.37 * seed + 1.7 * i + 0.013 * i * i));
}

/** The norm of values, and their product with those of a name. */
export function summarise(name: string, values: ArrayLike<number>): Summary {
  const probe = formula(`${name} probe`, values.length);
  return [Math.hypot(...Array.from(values)), probe.reduce((total, value, i) => total + value * values[i]!, 0)];
}
