// How a model knows where a token stands, as records: what is added to the embedding, which parameters it has and which table it reads.
// Rotary positions add nothing; attention turns queries and keys by their table.

import { multiply, reshape, slice } from "../graph/operations.ts";
import type { Tensor } from "../graph/tensor.ts";
import { makeRotaryTable, makeSinusoidTable } from "../nn/position-tables.ts";
import type { Tables } from "./mixers/mixer.ts";
import { embeddingTable, type Initial, type Parameter, vector } from "./parameter.ts";

/** What positions need to know of a shape. */
export interface PositionedShape {
  readonly sequenceLength: number;
  readonly rotaryBases: readonly number[];
  readonly rotaryShare: number;
  /** Width of the embedding that they are added to. */
  readonly embeddingWidth: number;
  readonly headWidth: number;
}

export interface Positions {
  readonly name: string;
  readonly summary: string;
  readonly source: string;
  listParameters(shape: PositionedShape, initial: Initial): readonly Parameter[];
  listTables(shape: PositionedShape, length: number): Tables;
  /** What is added to each sequence's embedding, (S, C); undefined where nothing is. */
  make(find: (name: string) => Tensor, tables: Readonly<Record<string, Tensor>>, length: number): Tensor | undefined;
}

const sinusoids = ({ embeddingWidth: C }: PositionedShape, length: number): Tables => ({
  positionTable: { shape: [length, C], compute: () => makeSinusoidTable(length, C) },
});

export const positionKinds = [
  {
    name: "scaled-sinusoidal",
    summary: "sines and cosines times one learned number",
    source: "Hua et al. 2022, arXiv 2202.10447",
    listParameters: ({ embeddingWidth: C }) => [vector("embedding.scale", 1, 1 / Math.sqrt(C), "scale")],
    listTables: sinusoids,
    make: (find, { positionTable }) => multiply(positionTable!, reshape(find("scale"), [1, 1])),
  },
  {
    name: "sinusoidal",
    summary: "sines and cosines",
    source: "Vaswani et al. 2017, arXiv 1706.03762",
    listParameters: () => [],
    listTables: sinusoids,
    make: (_, { positionTable }) => positionTable!,
  },
  {
    name: "rotary",
    summary: "queries and keys are turned by angles that grow with the position",
    source: "Su et al. 2021, arXiv 2104.09864",
    listParameters: () => [],
    listTables: ({ rotaryBases, rotaryShare, headWidth: D }, length) => ({
      positionTable: {
        shape: [rotaryBases.length * length, D],
        compute: () =>
          Float32Array.from(rotaryBases.flatMap(base => [...makeRotaryTable(length, D, base, rotaryShare)])),
      },
    }),
    make: () => undefined,
  },
  {
    name: "learned",
    summary: "an embedding of the position",
    source: "Devlin et al. 2018, arXiv 1810.04805",
    listParameters: ({ sequenceLength: S, embeddingWidth: C }, initial) => [
      embeddingTable("embedding.position", S, C, initial),
    ],
    listTables: () => ({}),
    make: (find, _, length) => slice(find("position"), 0, 0, length),
  },
  {
    name: "none",
    summary: "nothing: a token does not know where it stands",
    source: "Haviv et al. 2022, arXiv 2203.16634, who find that only causal models do without",
    listParameters: () => [],
    listTables: () => ({}),
    make: () => undefined,
  },
] as const satisfies readonly Positions[];

export type PositionName = (typeof positionKinds)[number]["name"];
export const positionNames = positionKinds.map(({ name }) => name) as [PositionName, ...PositionName[]];
export const findPositions = (name: PositionName): Positions => positionKinds.find(each => each.name === name)!;
