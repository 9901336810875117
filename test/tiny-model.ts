// A model with drawn parameters as what opens models gives it, for tests of what is done with one.

import { initialiseParameters } from "../src/model/initialise.ts";
import { listParameters } from "../src/model/parameters.ts";
import type { ModelShape } from "../src/model/shape.ts";
import type { PretrainedModel } from "../src/pretrained/pretrained-model.ts";

export function makeTinyModel(shape: ModelShape, encodeText: (text: string) => number[]): PretrainedModel {
  const values = initialiseParameters(shape, 1);
  return {
    home: "",
    name: "tiny",
    shape,
    parameters: listParameters(shape).map(each => ({ ...each, read: () => values.get(each.name)! })),
    encodeText,
    specials: { pad: 0, unknown: 3, classify: 4, separator: 5, mask: 6 },
    encodeForModel: () => [],
    specialTokensInText: "as-text",
    tokenOf: String,
    isSpecial: id => id < 7,
    describeTokenizer: () => ({}),
    kind: "run",
    predictsTokens: true,
    precision: "f32",
    hash: "tiny",
    notes: [],
  };
}
