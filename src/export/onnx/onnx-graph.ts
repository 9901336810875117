// A graph of ONNX under construction, and its bytes. Values are names; a node is made of an operator of opset 17 and gives the
// names of its results. Floating-point constants take the graph's own type, so one builder prints f32 and f16.

import { create, toBinary } from "@bufbuild/protobuf";
import {
  type AttributeProto,
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  type TensorProto,
  TensorProto_DataType,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from "onnx-buf";
import { roundToHalves } from "../../base/halves.ts";

/** The name of a tensor in the graph. */
export type Value = string;
/** Whole numbers, or one floating-point number. */
export type Attribute = number | readonly number[] | { readonly float: number };
/** What an axis is called whose length is decided at a run, or its length. */
export type Axis = string | number;

/** As the attribute `to` of Cast names them. */
export const onnxTypes = {
  f32: TensorProto_DataType.FLOAT,
  f16: TensorProto_DataType.FLOAT16,
  u8: TensorProto_DataType.UINT8,
  i64: TensorProto_DataType.INT64,
  bool: TensorProto_DataType.BOOL,
} as const;

const largestHalf = 65_504;
const opset = 17n;
/** The file format's version, which came with opset 17's ONNX 1.12. */
const formatVersion = 8n;

const bytesOf = (values: Float32Array | Uint16Array | BigInt64Array | Uint8Array) =>
  new Uint8Array(values.buffer as ArrayBuffer, values.byteOffset, values.byteLength);

/** Owns the names: each is given once. */
export class OnnxGraph {
  readonly float: "f32" | "f16";
  private readonly nodes: NodeProto[] = [];
  /** Results of nodes by what the nodes are. */
  private readonly made = new Map<string, Value[]>();
  private readonly constants = new Map<Value, TensorProto>();
  private readonly inputs: ValueInfoProto[] = [];
  private readonly outputs: ValueInfoProto[] = [];

  constructor(float: "f32" | "f16") {
    this.float = float;
  }

  /** An input of int64. */
  input(name: Value, axes: readonly Axis[]): Value {
    this.inputs.push(describeValue(name, onnxTypes.i64, axes));
    return name;
  }

  /** Makes a value an output of f32, whatever the graph computes in. */
  output(name: Value, value: Value, axes: readonly Axis[]): void {
    const op = this.float === "f32" ? "Identity" : "Cast";
    const attribute = this.float === "f32" ? [] : [encodeAttribute("to", onnxTypes.f32)];
    this.nodes.push(create(NodeProtoSchema, { name, opType: op, input: [value], output: [name], attribute }));
    this.outputs.push(describeValue(name, onnxTypes.f32, axes));
  }

  /** A constant in the graph's floating-point type. */
  floats(name: Value, shape: readonly number[], values: Float32Array): Value {
    return this.constant(name, shape, this.float, bytesOf(this.float === "f32" ? values : roundToHalves(values)));
  }

  bytes(name: Value, shape: readonly number[], values: Uint8Array): Value {
    return this.constant(name, shape, "u8", bytesOf(values));
  }

  /** One number of the graph's floating-point type; one that no half can be is the nearest that can. */
  scalar(value: number): Value {
    const written = this.float === "f16" ? Math.max(-largestHalf, Math.min(largestHalf, value)) : value;
    const name = `scalar ${written}`;
    return this.constants.has(name) ? name : this.floats(name, [], Float32Array.of(written));
  }

  ones(length: number): Value {
    const name = `ones ${length}`;
    return this.constants.has(name) ? name : this.floats(name, [length], new Float32Array(length).fill(1));
  }

  /** A list of int64; of one number without a list, a scalar. Equal ones are one constant. */
  integers(values: number | readonly number[]): Value {
    const name = `integers ${JSON.stringify(values)}`;
    if (this.constants.has(name)) return name;
    const list = typeof values === "number" ? [values] : values;
    const shape = typeof values === "number" ? [] : [list.length];
    return this.constant(name, shape, "i64", bytesOf(BigInt64Array.from(list.map(BigInt))));
  }

  /** The result of a node; equal nodes are one. */
  node(op: string, inputs: readonly Value[], attributes: Readonly<Record<string, Attribute>> = {}): Value {
    return this.nodeOfMany(op, inputs, 1, attributes)[0]!;
  }

  /** A node with several results. */
  nodeOfMany(
    op: string,
    inputs: readonly Value[],
    count: number,
    attributes: Readonly<Record<string, Attribute>> = {},
  ): Value[] {
    const key = JSON.stringify([op, inputs, attributes]);
    const known = this.made.get(key);
    if (known !== undefined) return known;
    const name = `${op} ${this.nodes.length}`;
    const output = Array.from({ length: count }, (_, i) => (i === 0 ? name : `${name} ${i}`));
    const attribute = Object.entries(attributes).map(([key, value]) => encodeAttribute(key, value));
    this.nodes.push(create(NodeProtoSchema, { name, opType: op, input: [...inputs], output, attribute }));
    this.made.set(key, output);
    return output;
  }

  /** The bytes of a .onnx file. */
  encode(name: string): Uint8Array {
    const { nodes, constants, inputs, outputs } = this;
    const graph = create(GraphProtoSchema, {
      name,
      node: nodes,
      initializer: [...constants.values()],
      input: inputs,
      output: outputs,
    });
    const opsetImport = [create(OperatorSetIdProtoSchema, { domain: "", version: opset })];
    return toBinary(
      ModelProtoSchema,
      create(ModelProtoSchema, { irVersion: formatVersion, producerName: "cramming", opsetImport, graph }),
    );
  }

  private constant(
    name: Value,
    shape: readonly number[],
    type: keyof typeof onnxTypes,
    rawData: Uint8Array<ArrayBuffer>,
  ): Value {
    if (this.constants.has(name)) throw new Error(`the graph has a constant ${name} already`);
    this.constants.set(
      name,
      create(TensorProtoSchema, { name, dims: shape.map(BigInt), dataType: onnxTypes[type], rawData }),
    );
    return name;
  }
}

function encodeAttribute(name: string, value: Attribute): AttributeProto {
  if (typeof value === "number") {
    return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.INT, i: BigInt(value) });
  }
  if ("float" in value) {
    return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.FLOAT, f: value.float });
  }
  return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.INTS, ints: value.map(BigInt) });
}

function describeValue(name: Value, elemType: number, axes: readonly Axis[]): ValueInfoProto {
  const dim = axes.map(axis =>
    create(TensorShapeProto_DimensionSchema, {
      value: typeof axis === "string" ? { case: "dimParam", value: axis } : { case: "dimValue", value: BigInt(axis) },
    }),
  );
  const tensor = create(TypeProto_TensorSchema, { elemType, shape: create(TensorShapeProtoSchema, { dim }) });
  return create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, { value: { case: "tensorType", value: tensor } }),
  });
}
