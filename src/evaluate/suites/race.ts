// RACE (Lai et al. 2017): which of four answers to a question about an article. As in the reference, one sequence holds the
// question, the article and all four, each after its letter, and is classified. One row is a question (the Hub's files), or
// an article with its questions (the publisher's records, one a line: `jq -c . train/*/*.txt > train.jsonl`).

import type { Value, Values } from "../../tables/row.ts";
import type { Suite } from "../tasks/task.ts";

const letters = ["A", "B", "C", "D"];

export const race: Suite = {
  name: "race",
  title: "RACE",
  tasks: [
    {
      name: "race",
      title: "RACE",
      kind: "classification",
      texts: ["question", "article", ...letters],
      label: "answer",
      labels: letters,
      metrics: ["accuracy"],
      published: { folders: ["all", "high", "middle"], unfold: unfoldQuestions },
    },
  ],
  excluded: [],
};

function unfoldQuestions(values: Values): readonly Values[] {
  const { question, questions, options, answer, answers } = values;
  if (!Array.isArray(questions)) return [flatten(values, question, options, answer)];
  return questions.map((asked, i) => flatten(values, asked, itemOf(options, i), itemOf(answers, i)));
}

/** A row with the four options as columns of their own; what is not there stays away, for the reader to name. */
function flatten({ article }: Values, question?: Value, options?: Value, answer?: Value): Values {
  const given: readonly (readonly [string, Value | undefined])[] = [
    ["article", article],
    ["question", question],
    ["answer", answer],
    ...letters.map((letter, i) => [letter, spellOption(letter, itemOf(options, i))] as const),
  ];
  return Object.fromEntries(given.filter((entry): entry is readonly [string, Value] => entry[1] !== undefined));
}

function spellOption(letter: string, option?: Value): string | undefined {
  return typeof option === "string" ? `${letter}:${option}` : undefined;
}

function itemOf(list: Value | undefined, i: number): Value | undefined {
  return Array.isArray(list) ? (list[i] as Value | undefined) : undefined;
}
