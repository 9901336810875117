// Requests of a model's server as JSON, and their answers: what OpenAI's clients send and read for embeddings, and masks filled. A field
// that is not known is refused, for it would change nothing.

import { z } from "zod";
import { UserError } from "../../base/errors.ts";
import type { Model } from "../model/open-model.ts";

/** What is wrong with a request. */
export class RequestFault extends Error {
  readonly status: number;
  readonly code: string | null;
  /** That an answer of this status has. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, message: string, code: string | null = null, headers = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

/** As many as OpenAI takes at once. */
const mostTexts = 2048;
const wanted = { error: `a text, or a list of 1 to ${mostTexts} texts, is wanted; numbers of tokens are not read` };
const texts = z
  .union([z.string(), z.array(z.string()).min(1, wanted).max(mostTexts, wanted)], wanted)
  .transform(given => (typeof given === "string" ? [given] : given));

const embeddingsRequest = z.strictObject({
  input: texts,
  model: z.string().optional(),
  encoding_format: z.enum(["float", "base64"]).default("float"),
  dimensions: z.number().optional(),
  /** Who asks, for OpenAI's statistics: there are none here. */
  user: z.string().optional(),
  /** Ours: cuts texts that are longer than the model's sequences. */
  truncate: z.boolean().default(false),
});

const fillRequest = z.strictObject({
  input: texts,
  model: z.string().optional(),
  top: z.number().int().min(1).max(100).default(5),
});

/** Vectors of length 1, as OpenAI's are: their dot product is the cosine. */
export async function answerEmbeddings(model: Model, body: unknown): Promise<object> {
  const { input, encoding_format: format, dimensions, truncate, ...request } = check(embeddingsRequest, body);
  requireModel(model, request.model);
  if (dimensions !== undefined && dimensions !== model.width) {
    throw new RequestFault(400, `dimensions: this model's vectors have ${model.width}`);
  }
  const vectors = (await model.embed(input, { truncate }).catch(adviseClient)).map(normalise);
  const tokens = model.countTokens(input).reduce((sum, count) => sum + Math.min(count, model.sequenceLength), 0);
  return {
    object: "list",
    data: vectors.map((vector, index) => ({
      object: "embedding",
      index,
      embedding: format === "float" ? Array.from(vector) : encodeFloats(vector),
    })),
    model: model.name,
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  };
}

export async function answerFills(model: Model, body: unknown): Promise<object> {
  const { input, top, ...request } = check(fillRequest, body);
  requireModel(model, request.model);
  return { object: "list", data: await model.fill(input, { top }), model: model.name };
}

function check<Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> {
  const checked = schema.safeParse(body);
  if (checked.success) return checked.data;
  const { path, message } = checked.error.issues[0]!;
  throw new RequestFault(400, path.length > 0 ? `${path.join(".")}: ${message}` : message);
}

/** Of a text that is too long: what a request can say about it, in place of what a command can. */
function adviseClient(error: unknown): never {
  if (!(error instanceof UserError && error.code === "E_TEXT_LENGTH")) throw error;
  const advice = 'Shorten it, or send "truncate": true, which keeps its beginning.';
  throw new RequestFault(400, `${error.message}. ${advice}`, error.code);
}

function requireModel({ name }: Model, asked: string | undefined): void {
  if (asked === undefined || asked === name) return;
  throw new RequestFault(404, `the model here is ${name}`, "model_not_found");
}

/** A vector of zeros stays one. */
function normalise(vector: Float32Array): Float32Array {
  const length = Math.hypot(...vector);
  return length === 0 ? vector : vector.map(value => value / length);
}

/** Little-endian f32, in base64. */
function encodeFloats(vector: Float32Array): string {
  const bytes = Buffer.alloc(4 * vector.length);
  for (const [i, value] of vector.entries()) bytes.writeFloatLE(value, 4 * i);
  return bytes.toString("base64");
}
