// What matrices and embeddings begin at, as records: each gives what a matrix is drawn from. Embeddings have the deviation of the matrices
// where that is one for all of them, as the reference draws them, and 0.02 where it is not.

import type { Initial } from "./parameter.ts";

export interface DrawnMatrix {
  readonly rows: number;
  /** Of one part. */
  readonly columns: number;
  readonly parts: number;
  readonly width: number;
  readonly layers: number;
  /** in: reads hidden states; out: is added to them; attention's values are the last part of what is in. */
  readonly kind: "attention-in" | "in" | "out";
}

export interface Initialisation {
  readonly name: string;
  readonly summary: string;
  readonly source: string;
  choose(matrix: DrawnMatrix): Initial;
  /** Of embeddings; 0.02 unless said. */
  readonly embeddingDeviation?: OfShape;
}

type OfShape = (shape: Pick<DrawnMatrix, "width" | "layers">) => number;

/** One deviation for all. */
const everywhere = (deviation: OfShape) => ({
  choose: (matrix: DrawnMatrix) => normal(deviation(matrix)),
  embeddingDeviation: deviation,
});

const normal = (deviation: number): Initial => ({ kind: "normal", deviation });

export const initialisations = [
  {
    name: "normal",
    summary: "deviation 0.02",
    source: "Devlin et al. 2018, arXiv 1810.04805",
    choose: () => normal(0.02),
  },
  {
    name: "small",
    summary: "deviation √(2 / (5 · width))",
    source: "Nguyen & Salazar 2019, arXiv 1910.05895",
    ...everywhere(({ width }) => Math.sqrt(2 / (5 * width))),
  },
  {
    name: "megatron",
    summary: "deviation √(1 / (3 · width))",
    source: "Smith et al. 2022, arXiv 2201.11990",
    ...everywhere(({ width }) => Math.sqrt(1 / (3 * width))),
  },
  {
    name: "wang",
    summary: "deviation 2 / (layers · √width)",
    source: "Wang & Komatsuzaki 2021, GPT-J-6B",
    ...everywhere(({ width, layers }) => 2 / (layers * Math.sqrt(width))),
  },
  {
    name: "deep",
    summary: "Xavier's, with (8 · layers)^-¼ before feed-forward, values and outputs",
    source: "Wang et al. 2022, DeepNet, arXiv 2203.00555",
    choose: ({ rows, columns, layers, kind }) => {
      const xavier = Math.sqrt(2 / (rows + columns));
      const lowered = xavier * (8 * layers) ** -0.25;
      return kind === "attention-in" ? { kind: "normal", deviation: xavier, lastDeviation: lowered } : normal(lowered);
    },
  },
  {
    name: "orthogonal",
    summary: "orthonormal rows or columns, times √(columns / rows)",
    source: "Saxe et al. 2013, arXiv 1312.6120, scaled as the reference does for AGD",
    choose: () => ({ kind: "orthogonal" }),
  },
] as const satisfies readonly Initialisation[];

export type InitialisationName = (typeof initialisations)[number]["name"];
export const initialisationNames = initialisations.map(({ name }) => name) as [
  InitialisationName,
  ...InitialisationName[],
];
export const findInitialisation = (name: InitialisationName): Initialisation =>
  initialisations.find(each => each.name === name)!;
