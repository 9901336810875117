// Text to the text that is split into words, as a list of steps; each step is one of Hugging Face's normalizers, so any
// list can be written into a tokenizer.json and gives the same text there. The default is `ascii-fold`.

export type NormaliserStep =
  /** `pattern` is a literal, or a regular expression as patterns/ reads it. */
  | { readonly step: "replace"; readonly pattern: string; readonly regex: boolean; readonly by: string }
  | { readonly step: "nfc" }
  | { readonly step: "nfd" }
  | { readonly step: "nfkc" }
  | { readonly step: "nfkd" }
  /** SentencePiece's: control characters go, white space and what nobody sees become spaces. */
  | { readonly step: "nmt" }
  /** SentencePiece's, as a map in base64 (charsmap.ts). */
  | { readonly step: "precompiled"; readonly charsmap: string }
  /** White space at the begin, at the end, or both, goes. */
  | { readonly step: "strip"; readonly left: boolean; readonly right: boolean }
  /** Set before what is not empty. */
  | { readonly step: "prepend"; readonly text: string }
  | { readonly step: "lowercase" }
  | { readonly step: "strip-accents" }
  | {
      readonly step: "bert";
      readonly cleanText: boolean;
      readonly separateIdeographs: boolean;
      readonly stripAccents: boolean;
      readonly lowercase: boolean;
    };

export type Normaliser = readonly NormaliserStep[];

export type NormaliserName = "ascii-fold" | "keep" | "lowercase" | "bert" | "reference";

const replaceText = (pattern: string, by: string): NormaliserStep => ({ step: "replace", pattern, regex: false, by });
const replaceMatches = (pattern: string, by: string): NormaliserStep => ({ step: "replace", pattern, regex: true, by });

// The order and the steps of cramming/data `_get_sane_normalizers` with its defaults (lower, strip, ascii).
const reference: Normaliser = [
  replaceText("``", '"'),
  replaceText("''", '"'),
  { step: "nfd" },
  { step: "lowercase" },
  { step: "strip-accents" },
  replaceMatches(" {2,}", " "),
  replaceMatches("[^\\x00-\\x7F]+", ""),
];

// The reference deletes what it cannot keep, which turns "word—word" into "wordword", "it’s" into "its" and glues words
// around a no-break space. This one first maps such characters to what an English keyboard has for them.
const asciiFold: Normaliser = [
  replaceMatches("[\\u2018\\u2019\\u201A\\u201B\\u2032\\u00B4\\u02BC]", "'"),
  replaceMatches("[\\u201C\\u201D\\u201E\\u201F\\u2033\\u00AB\\u00BB]", '"'),
  replaceMatches("[\\u2010\\u2011\\u2012\\u2013\\u2014\\u2015\\u2212]", "-"),
  replaceMatches("[\\u00A0\\u1680\\u2000-\\u200A\\u2028\\u2029\\u202F\\u205F\\u3000]", " "),
  replaceMatches("[\\u2026]", "..."),
  ...reference.slice(0, 4),
  replaceMatches("[\\u00E6]", "ae"),
  replaceMatches("[\\u0153]", "oe"),
  replaceMatches("[\\u00F8]", "o"),
  replaceMatches("[\\u00DF]", "ss"),
  replaceMatches("[\\u0142]", "l"),
  replaceMatches("[\\u0111\\u00F0]", "d"),
  replaceMatches("[\\u00FE]", "th"),
  replaceMatches("[\\u0131]", "i"),
  ...reference.slice(4, -1),
  // Tabs and line ends are white space; other control characters are no text, and a terminal obeys them.
  replaceMatches("[^\\x09-\\x0D\\x20-\\x7E]+", ""),
];

// For every script: letters keep their marks, and what is Chinese stands apart as in BERT, because no space parts its words
// (`normaliserBefore` says where not). What nobody sees is deleted: control characters, soft hyphens, byte order marks.
const withoutUnseen = replaceMatches(
  "[\\x00-\\x08\\x0E-\\x1F\\x7F\\u0080-\\u0084\\u0086-\\u009F\\u00AD\\u2060\\uFEFF]",
  "",
);
const ideographsApart: NormaliserStep = {
  step: "bert",
  cleanText: false,
  separateIdeographs: true,
  stripAccents: false,
  lowercase: false,
};
const keep: Normaliser = [withoutUnseen, { step: "nfc" }, ideographsApart];
const lowercase: Normaliser = [withoutUnseen, { step: "lowercase" }, { step: "nfc" }, ideographsApart];

// BERT's own takes the marks from every letter: й is и to it, か is が, and Devanagari has no vowel signs.
const bert: Normaliser = [
  { step: "bert", cleanText: true, separateIdeographs: true, stripAccents: true, lowercase: true },
];

export const normalisers: Readonly<Record<NormaliserName, Normaliser>> = {
  "ascii-fold": asciiFold,
  keep,
  lowercase,
  bert,
  reference,
};
