// What a mixer is: how a layer lets tokens see each other. A record of its settings, its parameters in a layer, its result as a graph,
// what it costs and the tables that it reads. A new one is one file with such a record, and a line in mixers.ts.

import type { z } from "zod";
import type { Tensor } from "../../graph/tensor.ts";
import type { Dropout } from "../../nn/dropout.ts";
import type { Parameter } from "../parameter.ts";

/** What a mixer needs to know of the shape that it is in. */
export interface MixedShape {
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly vocabulary: number;
  readonly sequenceLength: number;
  readonly normEpsilon: number;
  readonly positions: string;
  readonly rotaryBases: readonly number[];
}

/** A table that the host computes once, in double precision. */
export interface Table {
  readonly shape: readonly number[];
  compute(): Float32Array;
}

export type Tables = Readonly<Record<string, Table>>;

/** One use of a mixer: in which layer, on which batch of B sequences of S positions, T = B·S. */
export interface Mixing {
  readonly shape: MixedShape;
  /** Counted through, also where the same layers are run through again. */
  readonly depth: number;
  /** (T) i32. */
  readonly tokens: Tensor;
  /** S. */
  readonly length: number;
  /** (B) i32: tokens that are not padding; undefined where all are full. */
  readonly lengths: Tensor | undefined;
  /** (T) i32: where each token stands, where only some of a sequence's are there; undefined where all are. */
  readonly places: Tensor | undefined;
  /** (T) i32: tokens of one sequence see each other where these are equal; undefined where all do. */
  readonly documents: Tensor | undefined;
  readonly tables: Readonly<Record<string, Tensor>>;
  /** A parameter of the layer's mixer, by the last part of its name. */
  find(name: string): Tensor;
  /** x · W of that name, and its bias where the shape has biases; of W's columns from one to before another alone, where these are given. */
  project(x: Tensor, name: string, columns?: readonly [number, number]): Tensor;
  /** Leaves the rows that the layer goes on with, of (T, N): pooled where it shortens sequences, in the last layer those that are asked for. */
  keepRows(x: Tensor): Tensor;
  /** Whether these are as many of each sequence, fewer than all: then queries are theirs alone, in a mixer that has queries. */
  readonly keepsFew: boolean;
  /** (P) i32: which rows of (T) these are, as many of each sequence, where they are chosen and not made of several. */
  readonly kept: Tensor | undefined;
  /** What layers before it left for it, by name. */
  readonly memory: Map<string, Tensor>;
  readonly dropout: Dropout | undefined;
}

/** Makes the parameters of a layer; a projection has a bias where the shape has biases. */
export interface ParameterMaker {
  projection(name: string, rows: number, columns: number, kind: "in" | "out", parts?: number): Parameter[];
  vector(name: string, length: number, value: number): Parameter;
  /** A matrix without a bias; it begins with what the shape's initialisation says, or with zeros. */
  matrix(name: string, rows: number, columns: number, begins: "drawn" | "zero"): Parameter;
  embedding(name: string, rows: number, columns: number): Parameter;
}

export interface Mixer<Settings = never> {
  readonly name: string;
  readonly summary: string;
  readonly source: string;
  /** The mixer section of a shape, its name included. */
  readonly schema: z.ZodObject;
  /** Whether rotary positions turn something in it. */
  readonly rotates: boolean;
  /** Whether it keeps documents apart. */
  readonly separates: boolean;
  /** Whether rows that the layer leaves out cost no product, for want of their queries. */
  asksFew(settings: Settings): boolean;
  /** Whether it reads `heads`. */
  readonly hasHeads: boolean;
  /** Parameters of one layer; names are put behind "layers.i.attention.". */
  listParameters(settings: Settings, shape: MixedShape, layer: number, make: ParameterMaker): readonly Parameter[];
  /** (T, C) to (T, C), or fewer rows where `keepRows` leaves fewer. */
  apply(x: Tensor, settings: Settings, mixing: Mixing): Tensor;
  /** Multiplications and additions of products with no parameter, for one token. */
  countProducts(settings: Settings, shape: MixedShape): number;
  /** By the names of the graph's inputs. */
  listTables(settings: Settings, shape: MixedShape, length: number): Tables;
  /** What is wrong with the settings in this shape, beginning with "mixer."; undefined where all is well. */
  findFault(settings: Settings, shape: MixedShape): { readonly message: string; readonly advice: string } | undefined;
}
