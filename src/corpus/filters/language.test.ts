// Languages are told: the first article of the Universal Declaration of Human Rights in its official translations.

import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseFilters, judgeByFilter } from "./filters.ts";
import { languages, scoreLanguages } from "./language.ts";
import { languageProfiles } from "./language-profiles.ts";

const articles = {
  da: "Alle mennesker er født frie og lige i værdighed og rettigheder. De er udstyret med fornuft og samvittighed, og de bør handle mod hverandre i en broderskabets ånd.",
  de: "Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit Vernunft und Gewissen begabt und sollen einander im Geist der Brüderlichkeit begegnen.",
  en: "All human beings are born free and equal in dignity and rights. They are endowed with reason and conscience and should act towards one another in a spirit of brotherhood.",
  es: "Todos los seres humanos nacen libres e iguales en dignidad y derechos y, dotados como están de razón y conciencia, deben comportarse fraternalmente los unos con los otros.",
  fi: "Kaikki ihmiset syntyvät vapaina ja tasavertaisina arvoltaan ja oikeuksiltaan. Heille on annettu järki ja omatunto, ja heidän on toimittava toisiaan kohtaan veljeyden hengessä.",
  fr: "Tous les êtres humains naissent libres et égaux en dignité et en droits. Ils sont doués de raison et de conscience et doivent agir les uns envers les autres dans un esprit de fraternité.",
  it: "Tutti gli esseri umani nascono liberi ed eguali in dignità e diritti. Essi sono dotati di ragione e di coscienza e devono agire gli uni verso gli altri in spirito di fratellanza.",
  nl: "Alle mensen worden vrij en gelijk in waardigheid en rechten geboren. Zij zijn begiftigd met verstand en geweten, en behoren zich jegens elkander in een geest van broederschap te gedragen.",
  pl: "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw. Są oni obdarzeni rozumem i sumieniem i powinni postępować wobec innych w duchu braterstwa.",
  pt: "Todos os seres humanos nascem livres e iguais em dignidade e em direitos. Dotados de razão e de consciência, devem agir uns para com os outros em espírito de fraternidade.",
  ru: "Все люди рождаются свободными и равными в своем достоинстве и правах. Они наделены разумом и совестью и должны поступать в отношении друг друга в духе братства.",
  sv: "Alla människor är födda fria och lika i värde och rättigheter. De är utrustade med förnuft och samvete och bör handla gentemot varandra i en anda av broderskap.",
  tr: "Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar. Akıl ve vicdana sahiptirler ve birbirlerine karşı kardeşlik zihniyeti ile hareket etmelidirler.",
} as const;

const judge = (filter: string, text: string) => judgeByFilter(chooseFilters([filter])[0]!, text);

test("every article is its own language's", () => {
  for (const [language, text] of Object.entries(articles)) {
    assert.equal(scoreLanguages(text).scores[0]![0], language);
    assert.equal(judge(`language=${language}`, text), undefined);
    assert.equal(judge("language=hu", text), "other-language");
  }
});

test("several may stay; what no known language has goes, and what is too short to tell stays", () => {
  assert.equal(judge("language=en+de", articles.de), undefined);
  assert.equal(judge("language=en+de", articles.fr), "other-language");
  assert.equal(
    judge(
      "language=en",
      "人人生而自由,在尊嚴和權利上一律平等。他們賦有理性和良心,並應以兄弟關係的精神相對待。".repeat(3),
    ),
    "other-language",
  );
  assert.equal(
    judge("language=en", "χωρίς διάκριση ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα"),
    "other-language",
  );
  assert.equal(judge("language=en", "Guten Tag"), undefined);
  assert.equal(judge("language=en:trigrams=5", "Guten Tag"), "other-language");
  assert.equal(judge("language=en:least=4", articles.en), "other-language");
});

test("a language that there is not, none, and a choice of another filter are refused", () => {
  for (const filter of ["language=xx", "language", "language=en+", "prose=en"]) {
    assert.throws(() => chooseFilters([filter]), { code: "E_FILTER" }, filter);
  }
});

test("a profile is 300 different trigrams of single UTF-16 units", () => {
  assert.ok(languages.length >= 18);
  for (const name of languages) {
    const trigrams = languageProfiles[name].match(/.{3}/gs)!;
    assert.equal(languageProfiles[name].length, 900, name);
    assert.equal(new Set(trigrams).size, 300, name);
  }
});
