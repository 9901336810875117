// %% [markdown]
// How fast does a small model learn that foxes are red? Text with a rule in it, two learning rates, and what each of them says.
import { writeFileSync } from "node:fs";
import { fill, prepare, pretrain, report } from "cramming";

// %% Text: every animal has its colour, and a number that nobody can guess.
const colours = { fox: "red", wolf: "grey", bear: "brown", frog: "green" };
const sentences = Array.from({ length: 400 }, (_, i) => {
  const [animal, colour] = Object.entries(colours)[i % 4];
  return `the ${colour} ${animal} sleeps in den ${i}. a ${colour} ${animal} never sings.`;
});
writeFileSync("animals.jsonl", sentences.map(text => JSON.stringify({ text })).join("\n"));

// %% Tokens, in sequences of 32.
const small = ["width=32", "layers=1", "heads=2", "feedForward=64", "vocabulary=128", "sequenceLength=32"];
const dataset = await prepare({
  texts: ["animals.jsonl"],
  out: "data/animals",
  vocabulary: 128,
  sequenceLength: 32,
  holdOut: 0.1,
});
console.log(`${dataset.manifest.sequenceLength} tokens a sequence`);

// %% Two runs of 60 steps that differ in their learning rate.
const rates = [1e-2, 1e-4];
for (const rate of rates) {
  const { reason, steps } = await pretrain({
    data: "data/animals",
    out: `runs/rate-${rate}`,
    recipe: "quickstart",
    set: [
      ...small.map(pair => `model.${pair}`),
      ...["train.microBatchSequences=16", "schedule.batchSequences=16", `optimizer.learningRate=${rate}`],
    ],
    budget: "60steps",
  });
  console.log(`rate ${rate}: ${steps} steps, ended by its ${reason}`);
}

// %% What do they expect?
for (const rate of rates) {
  const [{ masks }] = await fill(`runs/rate-${rate}`, ["the red [MASK] sleeps in den"], { top: 3 });
  console.log(
    `rate ${rate}:`,
    masks[0].candidates.map(({ token, probability }) => `${token} ${Math.round(100 * probability)} %`).join(", "),
  );
}

// %% The curves beside each other, in a browser.
const { page } = await report(
  rates.map(rate => `runs/rate-${rate}`),
  { out: "rates.html" },
);
console.log(`open ${page}`);
