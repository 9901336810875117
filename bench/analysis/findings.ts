// What the paper found (Geiping & Goldstein 2022, arXiv 2212.14034, sections 4 and 5 and appendix A), and which variations of which sweep
// ask the same here. Sweeps stand beside this file, and what they gave in records/analysis.

/** What the paper says of a change to its recipe. */
type Outcome = "gain" | "no gain";

export interface Finding {
  readonly change: string;
  readonly paper: Outcome;
  /** What a reader must know of the paper's own result. */
  readonly note?: string;
  readonly asked: readonly {
    /** NAME.json beside this file. */
    readonly sweep: string;
    readonly variation: string;
    /** undone: the paper's recipe has the change, and the variation takes it back. */
    readonly as: "made" | "undone";
  }[];
}

const asking = (sweep: string, as: "made" | "undone", variations: readonly string[]): Finding["asked"] =>
  variations.map(variation => ({ sweep, variation, as }));
const made = (...variations: string[]): Finding["asked"] => asking("ablation", "made", variations);
const undone = (...variations: string[]): Finding["asked"] => asking("ablation", "undone", variations);
const data = (...variations: string[]): Finding["asked"] => asking("data-experiment", "made", variations);
const more = (...variations: string[]): Finding["asked"] => asking("ablation-more", "made", variations);

export const findings: readonly Finding[] = [
  { change: "norms before, not after", paper: "gain", asked: undone("norms after") },
  { change: "norms before and after", paper: "no gain", asked: more("norms before and after") },
  { change: "RMS norms", paper: "no gain", asked: made("RMS norms") },
  { change: "a norm of the embedding", paper: "gain", asked: undone("no norm of the embedding") },
  { change: "no biases", paper: "gain", asked: undone("biases") },
  {
    change: "no transform before the decoder",
    paper: "no gain",
    note: "left out for no loss",
    asked: asking("ablation-more", "undone", ["dense layer before the decoder"]),
  },
  { change: "a decoder of its own", paper: "no gain", asked: more("decoder of its own") },
  { change: "gated feed-forward", paper: "gain", asked: undone("GELU without gate, same size") },
  { change: "other activations", paper: "no gain", asked: more("squared ReLU, same size") },
  {
    change: "other positions",
    paper: "no gain",
    asked: [...made("learned positions"), ...more("sinusoids not scaled")],
  },
  {
    ...{ change: "rotary positions for scaled sinusoids", paper: "no gain", asked: undone("scaled sinusoids") },
    note: "its code never turned anything: the angles were computed and not applied",
  },
  {
    change: "heads half as many and twice as wide",
    paper: "gain",
    note: "in loss; worse in finetuning",
    asked: undone("two heads"),
  },
  { change: "gated units for attention (FLASH)", paper: "no gain", asked: made("FLASH, three layers, same size") },
  {
    change: "Fourier for attention",
    paper: "no gain",
    asked: [...made("Fourier"), ...more("Fourier, attention in the last")],
  },
  {
    change: "another size",
    paper: "no gain",
    asked: [...made("twice the width", "four layers", "one layer"), ...more("half the width")],
  },
  { change: "stochastic depth", paper: "no gain", asked: more("stochastic depth") },
  { change: "a rate that falls to 0 with the budget", paper: "gain", asked: undone("constant rate") },
  {
    ...{ change: "another shape of that", paper: "no gain" },
    asked: [
      ...made("straight line to 0"),
      ...more("one cycle", "cosine", "peak, then cooldown", "inverse square root"),
    ],
  },
  { change: "a batch that grows", paper: "gain", asked: more("batch grows to four times") },
  { change: "clipping", paper: "gain", note: "steadier", asked: undone("no clipping") },
  {
    change: "another optimizer than AdamW",
    paper: "no gain",
    asked: [...undone("AdamW"), ...asking("optimizers", "made", ["Lion", "LAMB", "SOAP", "Adafactor"])],
    note: "Muon is younger",
  },
  {
    ...{ change: "an average of the parameters", paper: "no gain", asked: more("moving average") },
    note: "its average was never read",
  },
  { change: "another share of masks", paper: "no gain", asked: [...made("mask 15 %"), ...more("mask 40 %")] },
  {
    change: "squared or absolute error for cross-entropy",
    paper: "no gain",
    asked: asking("objectives", "made", ["squared error", "absolute error"]),
  },
  { change: "BPE or Unigram for WordPiece", paper: "no gain", asked: asking("tokenizers", "made", ["BPE", "Unigram"]) },
  {
    change: "a vocabulary of 2¹⁵, not 2¹² to 2¹⁴",
    paper: "gain",
    asked: asking("tokenizers", "made", ["32,768 tokens, equal time"]),
  },
  { change: "no text twice", paper: "no gain", asked: made("deduplicated") },
  {
    change: "compressible text alone",
    paper: "gain",
    asked: [...made("compressible text alone"), ...data("filtered")],
  },
  { change: "that, and frequent tokens first", paper: "gain", asked: data("filtered, sorted") },
  { change: "these, and no text twice", paper: "gain", asked: data("filtered, sorted, deduplicated") },
  { change: "a separator between documents", paper: "no gain", asked: undone("no separator") },
  { change: "<cls> before documents", paper: "no gain", asked: made("<cls> before documents") },
  {
    change: "shorter sequences first",
    paper: "no gain",
    asked: asking("objectives", "made", ["shorter sequences first"]),
  },
  {
    change: "tokens that are dropped in the middle layers",
    paper: "no gain",
    asked: asking("token-dropping", "made", ["half of the tokens dropped, equal time"]),
  },
];

/** What a reader must know of a sweep's table. */
export const sweepNotes: Readonly<Record<string, string>> = {
  objectives: `All steps took as long, by the processor's clock. Shorter sequences first, which the paper saw no gain of, help here: 8 tokens at first, 128 in
the last quarter. The two errors agree with the paper, and are compared by held-out cross-entropy, which neither is made for.
Absolute error draws every logit to 0 whose token is not likelier than all others together: it stays at ln 4,096 = 8.318 and has learned nothing.
Squared error has learned less: its logits times the one factor that suits them best are at 7.6 nats and find 13 % of masked tokens, the base's 4.9 and 18 %.`,
  tokenizers: `Bits per byte of the same 1,000 passages of held-out text. BPE and Unigram agree with the paper: neither is told from WordPiece. A vocabulary of
32,768 agrees by the number, in a quarter of the steps of 4,096: a step takes five times as long, and these took 25.1 s of a processor for the base's 21.2. But it is
ahead by no more than frequencies of words alone would give: masked words are hidden whole, pieces of one are predicted without each other, and after 20 steps, of all
rows, it was 0.44 ahead. So this says little of the paper's gain.`,
  "token-dropping": `Four layers, of which the middle two see half of the tokens. At this size that saves a tenth: 1,550 steps took 14.5 s of a processor, and the
base's 1,500 took 15.9, so 1,700 would have taken as long. With less time than the base they are worse by 0.07, which agrees with the paper: no gain is seen.`,
};
