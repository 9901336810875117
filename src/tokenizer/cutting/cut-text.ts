// Makes a function of cut steps: a normalised text to its words. Of bytes the words keep their characters; the model reads bytes itself.

import { characterClass } from "../normalising/character-classes.ts";
import { compilePattern } from "../patterns/compile-pattern.ts";
import { type Behaviour, type CutStep, gpt2Pattern } from "./cut-step.ts";
import { type FindParts, findCharacters, findMatches, findSpaces } from "./find-parts.ts";
import { joinMatches } from "./join-matches.ts";

interface Piece {
  readonly text: string;
  /** How much of its begin comes of the character that all text begins with. */
  readonly ofFirst: number;
}

type Cut = (piece: Piece) => Piece[];

/** The words of a normalised text. `ofFirst` says how much of its begin comes of the character that all text begins with. */
export function compileCuts(steps: readonly CutStep[]): (text: string, ofFirst: number) => string[] {
  const cuts = steps.flatMap(compileStep);
  return (text, ofFirst) => {
    let pieces: Piece[] = text === "" ? [] : [{ text, ofFirst }];
    for (const cut of cuts) pieces = pieces.flatMap(cut);
    return pieces.map(piece => piece.text);
  };
}

function compileStep(step: CutStep): Cut[] {
  const { space, punctuation, numeric } = characterClass;
  switch (step.step) {
    case "whitespace-split":
      return [cutBy(findCharacters(space), "removed")];
    case "whitespace":
      return [cutBy(findSpaces, "removed")];
    case "bert":
      return [cutBy(findCharacters(space), "removed"), cutBy(findCharacters(punctuation), "isolated")];
    case "punctuation":
      return [cutBy(findCharacters(punctuation), step.behaviour)];
    case "digits":
      return [cutBy(findCharacters(numeric), step.apart ? "isolated" : "contiguous")];
    case "delimiter":
      return [cutBy(findMatches(literal(step.character)), "removed")];
    case "split": {
      const pattern = step.regex ? compilePattern(step.pattern) : literal(step.pattern);
      return [cutBy(findMatches(pattern), step.behaviour, step.invert)];
    }
    case "metaspace":
      return [piece => cutMetaspace(piece, step)];
    case "byte-level": {
      const cuts: Cut[] = step.regex ? [cutBy(findMatches(compilePattern(gpt2Pattern)), "isolated")] : [];
      const prefix: Cut = ({ text, ofFirst }) => [{ text: text.startsWith(" ") ? text : ` ${text}`, ofFirst }];
      return step.prefixed ? [prefix, ...cuts] : cuts;
    }
    default:
      return step satisfies never;
  }
}

const literal = (text: string) => new RegExp(text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"), "gu");

function cutBy(find: FindParts, behaviour: Behaviour, invert = false): Cut {
  return ({ text, ofFirst }) => {
    const found = find(text);
    const parts = invert ? found.map(part => ({ ...part, isFound: !part.isFound })) : found;
    return joinMatches(parts, behaviour).map(({ begin, end }) => ({
      text: text.slice(begin, end),
      ofFirst: Math.max(0, ofFirst - begin),
    }));
  };
}

function cutMetaspace({ text, ofFirst }: Piece, { prefixSpace, split }: CutStep & { step: "metaspace" }): Piece[] {
  const written = text.replaceAll(" ", "▁");
  const isPrefixed = !written.startsWith("▁") && (prefixSpace === "always" || (prefixSpace === "first" && ofFirst > 0));
  const whole = {
    text: isPrefixed ? `▁${written}` : written,
    ofFirst: isPrefixed && ofFirst > 0 ? ofFirst + 1 : ofFirst,
  };
  return split ? cutAtMetaspace(whole) : [whole];
}

const cutAtMetaspace = cutBy(findMatches(/▁/gu), "merged_with_next");
