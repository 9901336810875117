// Dynamic loss scaling (Micikevicius et al. 2018, arXiv 1710.03740, §3.2), for products that read f16: gradients below 6e-8 would be
// zeros, so the loss is multiplied before it is differentiated and the update divides again. The factor follows PyTorch's GradScaler:
// halved after a step that is not finite, which changes nothing, and doubled after 2,000 in a row that are. All factors are powers of
// two, so a scaled gradient has the same bits but for its exponent.

/** What a training must know to go on with it. */
export interface LossScale {
  readonly factor: number;
  /** Finite steps in a row since it was last changed. */
  readonly steadySteps: number;
}

export const firstLossScale: LossScale = { factor: 2 ** 16, steadySteps: 0 };
const growthInterval = 2000;
/** A loss as it is: steps that are not finite then are not the factor's fault. GradScaler knows no least. */
const least = 1;
/** The largest power of two in f32. */
const most = 2 ** 127;

/** The scale after a step. */
export function adaptLossScale({ factor, steadySteps }: LossScale, wasFinite: boolean): LossScale {
  if (!wasFinite) return { factor: Math.max(least, factor / 2), steadySteps: 0 };
  if (steadySteps + 1 < growthInterval) return { factor, steadySteps: steadySteps + 1 };
  return { factor: Math.min(most, 2 * factor), steadySteps: 0 };
}

/** Whether a step with a finite loss had gradients too large for the factor, which is smaller now. */
export function wasTooLarge({ factor }: LossScale, loss: number, gradientNorm: number): boolean {
  return factor > least && Number.isFinite(loss) && !Number.isFinite(gradientNorm);
}
