// Labels of texts, by the classifier that `cram evaluate --keep-models` kept of a table: node classify.mjs RUN TEXT…
import { openModel } from "cramming";

const [run, ...texts] = process.argv.slice(2);
const classifier = await openModel(run, { task: "moods" });
try {
  for (const [i, answer] of (await classifier.classify(texts)).entries()) {
    const shares = answer.labels.map(({ label, probability }) => `${label} ${Math.round(100 * probability)} %`);
    console.log(`${texts[i]}: ${shares.join(", ")}`);
  }
} finally {
  await classifier.close();
}
