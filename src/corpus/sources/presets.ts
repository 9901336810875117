// Names for the sources of the reference's data configurations: those that are still to be had, and for those that are gone what
// takes their place.

import { UserError } from "../../base/errors.ts";

export interface Preset {
  readonly name: string;
  /** What the reference calls its configurations of this source, where that is another name. */
  readonly also?: readonly string[];
  readonly summary: string;
  /** What it is; absent: it is gone. */
  readonly sources?: readonly string[];
  /** Of one of the sources so many successive documents are one, as the reference joins them. */
  readonly join?: { readonly source: string; readonly documents: number };
  /** What takes its place where it is gone. */
  readonly instead?: string;
}

const roots = ["book_dash_books", "ted_talks_iwslt", "no_code_stackexchange", "uncorpus", "the_pile_uspto"];
const rootsOfWikimedia = ["wikibooks", "wikinews", "wikiquote", "wikiversity", "wikivoyage"];
const bookcorpus = "hf:bookcorpus/bookcorpus/plain_text@refs/convert/parquet";
/** A row is a sentence there. */
const join = { source: bookcorpus, documents: 16 };
const wikipedia = "hf:wikimedia/wikipedia/20231101.en";

export const presets: readonly Preset[] = [
  {
    name: "c4",
    also: ["c4-subset", "c4-subset-processed"],
    summary: "the English C4, 305 GB as gzip",
    sources: ["hf:allenai/c4/en"],
  },
  {
    name: "wikipedia",
    also: ["raw-wikipedia-dumps"],
    summary: "English, November 2023; other languages: hf:wikimedia/wikipedia/20231101.de",
    sources: [wikipedia],
  },
  { name: "bookcorpus", summary: "sixteen sentences are a document", sources: [bookcorpus], join },
  {
    name: "bookcorpus-wikipedia",
    also: ["bert-default"],
    summary: "what BERT learned from",
    sources: [bookcorpus, wikipedia],
    join,
  },
  {
    name: "pile-uncopyrighted",
    summary: "the Pile without the parts that were taken down",
    sources: ["hf:monology/pile-uncopyrighted"],
  },
  {
    name: "pile-deduplicated",
    also: ["the-pile-dedup"],
    summary: "the whole Pile, deduplicated",
    sources: ["hf:EleutherAI/the_pile_deduplicated"],
  },
  {
    name: "openwebtext",
    also: ["openweb"],
    summary: "pages that Reddit links to",
    sources: ["hf:Skylion007/openwebtext"],
  },
  { name: "fineweb-edu", summary: "educational pages of 2013 to 2025", sources: ["hf:HuggingFaceFW/fineweb-edu"] },
  {
    name: "roots-mini",
    summary: "ten English sets of ROOTS and Wikipedia; asks for access at the hub",
    sources: [...[...roots, ...rootsOfWikimedia].map(set => `hf:bigscience-data/roots_en_${set}`), wikipedia],
  },
  {
    name: "ag-news",
    also: ["sanity-check-2"],
    summary: "short news, for trying things",
    sources: ["hf:fancyzhx/ag_news"],
  },
  {
    name: "pile-readymade",
    summary: "the reference's own, filtered, tokenized and sorted: 10.9 billion tokens",
    sources: ["hf:JonasGeiping/the_pile_WordPiecex32768_2efdb9d060d1ae95faf952ec1a50f020"],
  },
  {
    name: "the-pile",
    also: ["the-pile-stream"],
    summary: "taken down for its books",
    instead: "pile-uncopyrighted",
  },
  {
    name: "pile-cc",
    also: ["the_pileCC"],
    summary: "taken down with the Pile; its rows of meta.pile_set_name Pile-CC are chosen by a mix.json",
    instead: "pile-uncopyrighted",
  },
  { name: "the-pile-natural", summary: "its Books3 was taken down", instead: "pile-uncopyrighted" },
  { name: "oscar", summary: "takes no new users", instead: "c4 or fineweb-edu" },
  { name: "sanity-check-1", summary: "no text, but ids at random, for trying whether a run runs", instead: "ag-news" },
];

const find = (name: string): Preset | undefined =>
  presets.find(preset => preset.name === name || preset.also?.includes(name) === true);

/** Whether this is a name of one, of one that is gone, too. */
export const isPreset = (name: string): boolean => find(name) !== undefined;

/** What a preset's name stands for; undefined for another. UserError E_PRESET for one that is gone. */
export function findPreset(name: string): readonly string[] | undefined {
  const preset = find(name);
  if (preset === undefined || preset.sources !== undefined) return preset?.sources;
  throw new UserError("E_PRESET", `${name}: ${preset.summary}`, `Use ${preset.instead} in its place.`);
}

export const joinOfPreset = (name: string): Preset["join"] => find(name)?.join;
