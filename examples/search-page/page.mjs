// The page: loads the model and the vectors once, and answers what is typed.

// Vite makes a file of the page of it, and this its address.
import wasm from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";
import * as runtime from "onnxruntime-web/wasm";
import { openSearch } from "./search.mjs";

runtime.env.wasm.wasmPaths = { wasm };
const get = async path => {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response;
};
const answer = document.querySelector("#answer");
const question = document.querySelector("#question");

const [tokenizer, config, onnx, vectors] = await Promise.all([
  get("model/tokenizer.json").then(response => response.json()),
  get("model/config.json").then(response => response.json()),
  get("model/onnx/model.onnx").then(response => response.arrayBuffer()),
  get("vectors.jsonl").then(response => response.text()),
]);
const lines = vectors
  .trim()
  .split("\n")
  .map(line => JSON.parse(line));
const search = await openSearch(
  { tokenizer, onnx: new Uint8Array(onnx), longest: config.max_position_embeddings },
  lines,
  runtime,
);

question.disabled = false;
question.placeholder = `Search ${lines.length} documents`;
question.addEventListener("change", async () => {
  const found = await search.find(question.value);
  answer.replaceChildren(
    ...found.map(({ text, source, score }) => {
      const item = document.createElement("li");
      item.textContent = `${source === undefined ? "" : `${source}: `}${text} (${score.toFixed(3)})`;
      return item;
    }),
  );
});
