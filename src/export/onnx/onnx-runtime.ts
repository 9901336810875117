// ONNX Runtime, where it is installed: onnxruntime-node, or onnxruntime-web, which is WebAssembly. Neither is a dependency of this
// package, because they weigh more than all the rest of it; who exports to ONNX installs one to have the export checked.

/** The part of their common interface that is used here. */
interface OnnxRuntime {
  readonly InferenceSession: {
    create(model: Uint8Array, options: { readonly intraOpNumThreads: number }): Promise<InferenceSession>;
  };
  readonly Tensor: new (type: "int64", values: BigInt64Array, shape: readonly number[]) => unknown;
}

interface InferenceSession {
  readonly inputNames: readonly string[];
  run(inputs: Readonly<Record<string, unknown>>): Promise<Readonly<Record<string, { readonly data: Float32Array }>>>;
  release(): Promise<void>;
}

export interface OnnxModel {
  /**
   * Logits, empty of an encoder alone, and final hidden states where the file gives them, of B sequences, each as long as `lengths` says
   * and padded to S. Every token is of segment 0 unless `segments` (B·S) says otherwise.
   */
  run(
    tokens: Int32Array,
    lengths: Int32Array,
    segments?: Int32Array,
  ): Promise<{ logits: Float32Array; hidden: Float32Array | undefined }>;
  close(): Promise<void>;
}

const names = ["onnxruntime-node", "onnxruntime-web"] as const;

export interface FoundRuntime {
  readonly name: string;
  open(model: Uint8Array): Promise<OnnxModel>;
}

/** The runtime that is installed; undefined where there is none. */
export async function findOnnxRuntime(threads: number): Promise<FoundRuntime | undefined> {
  for (const name of names) {
    let runtime: OnnxRuntime;
    try {
      runtime = (await import(name)) as OnnxRuntime;
    } catch {
      // Not there, or not for this machine: the next one may be.
      continue;
    }
    return { name, open: async model => openModel(runtime, model, threads) };
  }
  return undefined;
}

async function openModel(runtime: OnnxRuntime, model: Uint8Array, threads: number): Promise<OnnxModel> {
  const session = await runtime.InferenceSession.create(model, { intraOpNumThreads: threads });
  return {
    run: async (tokens, lengths, segments) => {
      const S = tokens.length / lengths.length;
      const make = (valueAt: (i: number) => number) =>
        new runtime.Tensor(
          "int64",
          BigInt64Array.from(tokens, (_, i) => BigInt(valueAt(i))),
          [lengths.length, S],
        );
      const inputs: Record<string, unknown> = {
        input_ids: make(i => tokens[i]!),
        attention_mask: make(i => (i % S < lengths[Math.floor(i / S)]! ? 1 : 0)),
        token_type_ids: make(i => segments?.[i] ?? 0),
      };
      const used = session.inputNames.map(name => [name, inputs[name]] as const);
      const { logits, last_hidden_state } = await session.run(Object.fromEntries(used));
      return { logits: logits?.data ?? new Float32Array(0), hidden: last_hidden_state?.data };
    },
    close: () => session.release(),
  };
}
