// How the loss depends on the size of a model and on the tokens it reads: L(N, D) = E + A/N^α + B/D^β (Hoffmann et al. 2022,
// arXiv 2203.15556, equation 2). Plain numbers; what is fitted to stands in fit-law.ts.

/** One training: what it was, and what came of it. */
export interface Measurement {
  /** Trained parameters, N. */
  readonly parameters: number;
  /** Read in training, D. */
  readonly tokens: number;
  /** Validation loss, nats a predicted token. */
  readonly loss: number;
}

export interface ScalingLaw {
  /** E: what no size and no number of tokens takes away, in nats. */
  readonly irreducible: number;
  /** A and α. */
  readonly parameterFactor: number;
  readonly parameterExponent: number;
  /** B and β. */
  readonly tokenFactor: number;
  readonly tokenExponent: number;
}

/** Nats a predicted token. */
export function predictLoss(law: ScalingLaw, { parameters, tokens }: Omit<Measurement, "loss">): number {
  return (
    law.irreducible +
    law.parameterFactor * parameters ** -law.parameterExponent +
    law.tokenFactor * tokens ** -law.tokenExponent
  );
}

export interface BestSize extends Measurement {
  readonly flops: number;
}

/**
 * The size whose loss is the least for so many FLOPs, where a token costs `flopsPerParameter` times the parameters (equation 4 of the
 * paper, in which that is 6). Along these sizes the loss falls as E + K · flops^(−αβ / (α + β)).
 */
export function findBestSize(law: ScalingLaw, flops: number, flopsPerParameter: number): BestSize {
  const { parameterFactor: a, parameterExponent: alpha, tokenFactor: b, tokenExponent: beta } = law;
  const product = flops / flopsPerParameter; // N · D
  const parameters = ((alpha * a * product ** beta) / (beta * b)) ** (1 / (alpha + beta));
  const tokens = product / parameters;
  return { flops, parameters, tokens, loss: predictLoss(law, { parameters, tokens }) };
}
