// How numbers are shown: the units of each quantity, and digits. Files keep the plain numbers; only what a person reads is
// rounded.

export type Quantity =
  | "seconds"
  | "steps"
  | "tokens"
  | "flops"
  | "tokensPerSecond"
  | "flopsPerSecond"
  | "share"
  | "sequences"
  | "characters"
  | "documents"
  | "count"
  | "nats"
  | "number"
  | "text";

export interface Unit {
  /** How much of the plain number one unit is: 60 for minutes. */
  readonly size: number;
  readonly name: string;
}

const thousands = (name: string): readonly Unit[] => [
  { size: 1, name },
  { size: 1e3, name: `thousand ${name}` },
  { size: 1e6, name: `million ${name}` },
  { size: 1e9, name: `billion ${name}` },
];

const prefixes = (name: string): readonly Unit[] =>
  ["", "k", "M", "G", "T", "P", "E", "Z"].map((prefix, i) => ({ size: 1000 ** i, name: `${prefix}${name}` }));

const units: Readonly<Record<Quantity, readonly Unit[]>> = {
  seconds: [
    { size: 1, name: "seconds" },
    { size: 60, name: "minutes" },
    { size: 3600, name: "hours" },
  ],
  steps: thousands("steps"),
  tokens: thousands("tokens"),
  flops: prefixes("FLOP"),
  tokensPerSecond: thousands("tokens/s"),
  flopsPerSecond: prefixes("FLOP/s"),
  share: [{ size: 0.01, name: "%" }],
  sequences: thousands("sequences"),
  characters: thousands("characters"),
  documents: thousands("documents"),
  count: [{ size: 1, name: "" }],
  nats: [{ size: 1, name: "nats per token" }],
  number: [{ size: 1, name: "" }],
  text: [{ size: 1, name: "" }],
};

/** The largest unit of which there are at least 1.5. */
export function chooseUnit(quantity: Quantity, largest: number): Unit {
  const known = units[quantity];
  return known.findLast(({ size }) => largest >= 1.5 * size) ?? known[0]!;
}

const whole: ReadonlySet<Quantity> = new Set(["steps", "tokens", "sequences", "characters", "documents", "count"]);

/** A value for a table: counts in full with separators, losses with four digits behind the point, the rest with its unit. */
export function formatValue(value: string | number | undefined, quantity: Quantity): string {
  if (value === undefined) return "";
  if (typeof value === "string") return value;
  if (!Number.isFinite(value)) return "not finite";
  if (Math.abs(value) >= 1e15) return formatNumber(value);
  if (whole.has(quantity)) return Math.round(value).toLocaleString("en-US");
  if (quantity === "nats") return value.toFixed(4);
  if (quantity === "tokensPerSecond") return `${Math.round(value).toLocaleString("en-US")} tokens/s`;
  return formatWithUnit(value, quantity);
}

/** "12.5 minutes", "55.56 million characters". */
export function formatWithUnit(value: number, quantity: Quantity): string {
  const { size, name } = chooseUnit(quantity, Math.abs(value));
  return `${formatNumber(value / size)}${name === "" ? "" : ` ${name}`}`;
}

/** At most four significant digits. */
export function formatNumber(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e9)) return value.toExponential(3).replace(/\.?0+e/, "e");
  return Number(value.toPrecision(4)).toLocaleString("en-US", { maximumFractionDigits: 6 });
}
