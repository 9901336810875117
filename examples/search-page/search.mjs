// Search by vectors, in a page or in Node: a question becomes a vector as `cram embed` makes one, and the nearest texts are the answer.
import { Tokenizer } from "@huggingface/tokenizers";

/**
 * @param model what was exported: the parsed tokenizer.json, the bytes of onnx/model.onnx, and the longest text in tokens
 * @param lines of vectors.jsonl, each with a text, its vector and, from a folder, its source
 * @param runtime onnxruntime-web
 */
export async function openSearch({ tokenizer, onnx, longest }, lines, runtime) {
  const session = await runtime.InferenceSession.create(onnx);
  const encoder = new Tokenizer(tokenizer, {});
  const documents = lines.map(line => ({ ...line, vector: normalise(line.vector) }));

  async function embed(text) {
    const ids = encoder.encode(text).ids.slice(0, longest);
    const row = values => new runtime.Tensor("int64", BigInt64Array.from(values, BigInt), [1, values.length]);
    const given = { input_ids: row(ids), attention_mask: row(ids.map(() => 1)) };
    const { last_hidden_state: states } = await session.run(
      Object.fromEntries(session.inputNames.map(name => [name, given[name] ?? row(ids.map(() => 0))])),
    );
    const width = states.dims[2];
    return Array.from(
      { length: width },
      (_, i) => ids.reduce((sum, _, token) => sum + states.data[token * width + i], 0) / ids.length,
    );
  }

  return {
    /** The nearest texts, the nearest first, each with its cosine. */
    async find(question, top = 5) {
      const asked = normalise(await embed(question));
      return documents
        .map(({ text, source, vector }) => ({
          text,
          source,
          score: vector.reduce((sum, value, i) => sum + value * asked[i], 0),
        }))
        .sort((a, b) => b.score - a.score)
        .slice(0, top);
    },
  };
}

function normalise(vector) {
  const length = Math.hypot(...vector) || 1;
  return vector.map(value => value / length);
}
