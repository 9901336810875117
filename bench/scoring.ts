// `scoring`: pseudo-log-likelihoods of sentences (what BLiMP is scored by) and vectors of texts, of an exported model, beside onnxruntime
// with its ONNX file and PyTorch with its weights, all in f32. Ours reads text; the peers are given ids, and rows of one length a pass, so
// that they pad nothing. Before anything is timed, scores and vectors must be the same.

import { cpus } from "node:os";
import { UserError } from "../src/base/errors.ts";
import { openPretrainedModel } from "../src/pretrained/pretrained-model.ts";
import { type Model, openModel } from "../src/verbs/model/open-model.ts";
import { peerPath } from "./peers/native.ts";
import { Peer, startPeers, threadEnvironment } from "./peers/peer.ts";
import { formatFigure, type Reporter } from "./report.ts";
import { alternate, type Contestant, measureSeconds, type Timing } from "./rounds.ts";

export const scoringPeers = ["onnxruntime", "torch"] as const;
export type ScoringPeer = (typeof scoringPeers)[number];

export interface ScoringOptions {
  /** An export. */
  readonly folder: string;
  readonly texts: readonly string[];
  /** How many of the texts are scored; all are embedded. */
  readonly scored: number;
  readonly threads: number;
  readonly rounds: number;
  readonly quietSeconds: number;
  readonly peers: readonly ScoringPeer[];
  readonly python: string;
}

/** Largest difference, relative to a score and to a vector's largest number. */
const tolerance = 1e-3;
const checkedTexts = 8;

export async function benchScoring(options: ScoringOptions, reporter: Reporter): Promise<void> {
  const { folder, threads, python } = options;
  const { specials, encodeText, encodeForModel, shape } = await openPretrainedModel(folder);
  const texts = options.texts.filter(text => encodeForModel(text).length <= shape.sequenceLength);
  const passedOver = options.texts.length - texts.length;
  if (passedOver > 0) reporter.note(`${passedOver} texts have more than ${shape.sequenceLength} tokens: left out`);
  const scored = texts.slice(0, options.scored);
  const sentences = scored.map(text => [specials.classify, ...Array.from(encodeText(text)), specials.separator]);
  const encoded = texts.map(text => Array.from(encodeForModel(text)));
  const peers = await startPeers(
    options.peers.map(engine => async () => {
      const peer = await Peer.start(python, [peerPath("scoring.py"), engine], threadEnvironment(threads));
      peer.tell(JSON.stringify({ folder, threads, mask: specials.mask, sentences, texts: encoded }));
      return peer;
    }),
    reporter.note,
  );
  const model = await openModel(folder, { threads, precision: "f32", batchTexts: 32 });
  try {
    await checkPeers(model, peers, scored, texts);
    for (const { name, question, run, tokens } of [
      {
        ...{ name: "pseudo-log-likelihood", question: "score", run: () => model.score(scored) },
        tokens: sentences.reduce((sum, { length }) => sum + length * (length - 2), 0),
      },
      {
        ...{ name: "vectors", question: "embed", run: () => model.embed(texts) },
        tokens: encoded.reduce((sum, { length }) => sum + length, 0),
      },
    ]) {
      const repeat = async (times: number) => {
        for (let i = 0; i < times; i++) await run();
      };
      const contestants: Contestant[] = [
        { name: "cramming", run: times => measureSeconds(() => repeat(times)) },
        ...peers.map(peer => ({
          ...{ name: peer.name, processIds: peer.processIds },
          run: async (times: number) => (await peer.ask<{ seconds: number }>(`${question} ${times}`)).seconds,
        })),
      ];
      const timings = await alternate(contestants, { ...options, secondsPerTurn: 2 });
      report({ name, texts: question === "score" ? scored.length : texts.length, tokens }, timings, options, reporter);
    }
  } finally {
    for (const peer of peers) peer.close();
    await model.close();
  }
}

/** Throws UserError E_PEER_DISAGREES: what is wrong is not timed. */
async function checkPeers(
  model: Model,
  peers: readonly Peer[],
  scored: readonly string[],
  texts: readonly string[],
): Promise<void> {
  const scores = await model.score(scored.slice(0, checkedTexts));
  const vectors = await model.embed(texts.slice(0, checkedTexts));
  for (const peer of peers) {
    const seen = await peer.ask<{ scores: number[]; vectors: number[][] }>(`check ${checkedTexts}`);
    const differences = [
      ...seen.scores.map((score, i) => Math.abs(score - scores[i]!) / Math.abs(score)),
      ...seen.vectors.map((vector, i) => {
        const largest = Math.max(...vector.map(Math.abs));
        return Math.max(...vector.map((each, j) => Math.abs(each - vectors[i]![j]!))) / largest;
      }),
    ];
    const worst = Math.max(...differences);
    if (worst <= tolerance) continue;
    throw new UserError(
      "E_PEER_DISAGREES",
      `scores and vectors of ${checkedTexts} texts: ours and ${peer.name}'s differ by ${worst.toPrecision(2)} of their size`,
      "One of the two computes something else; nothing was timed.",
    );
  }
}

interface Work {
  readonly name: string;
  readonly texts: number;
  /** That go through the model; of a sentence that is scored once for each of its tokens. */
  readonly tokens: number;
}

function report(
  { name, texts, tokens }: Work,
  timings: readonly Timing[],
  options: ScoringOptions,
  reporter: Reporter,
) {
  const ours = timings[0]!;
  const { threads, rounds, folder } = options;
  const processor = cpus()[0]?.model ?? "an unknown processor";
  reporter.heading(
    `${name} of ${texts.toLocaleString("en-US")} texts, ${tokens.toLocaleString("en-US")} tokens through the model; ${processor}, ${threads} threads, f32; medians of ${rounds}`,
  );
  const rows = timings.map(timing => {
    const { name: contestant, seconds, median, minimum } = timing;
    const oursOverPeer = timing === ours ? undefined : median / ours.median;
    reporter.record({
      benchmark: "scoring",
      work: name,
      folder,
      processor,
      threads,
      contestant,
      seconds,
      oursOverPeer,
    });
    return [
      contestant,
      ...[median, minimum, texts / median, tokens / median].map(formatFigure),
      oursOverPeer === undefined ? "" : formatFigure(oursOverPeer),
    ];
  });
  reporter.table(["", "seconds", "least", "texts/s", "tokens/s", "ours/peer"], rows);
}
