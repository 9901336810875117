// Real sentences of fifteen languages, as UTF-16 and UTF-32 without a mark and in the encodings of their countries: the first are recognised,
// the others never taken for them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { TextDecoder } from "node:util";
import fc from "fast-check";
import type { UserError } from "../base/errors.ts";
import { guessEncoding } from "./guess-encoding.ts";
import { decodeUtf8 } from "./utf8.ts";

const sentences: Readonly<Record<string, readonly string[]>> = {
  chinese: [
    "人人生而自由，在尊严和权利上一律平等。他们赋有理性和良心，并应以兄弟关系的精神相对待。",
    "学而时习之，不亦说乎？有朋自远方来，不亦乐乎？人不知而不愠，不亦君子乎？",
    "北京大学位于海淀区，创办于1898年，是中国近代第一所国立综合性大学。",
    "这台机器有两个处理器，训练一个小模型需要大约三十分钟。",
  ],
  taiwanese: [
    "人人生而自由，在尊嚴和權利上一律平等。他們賦有理性和良心，並應以兄弟關係的精神互相對待。",
    "臺北捷運於一九九六年通車，是臺灣第一個都市軌道運輸系統。",
    "今天天氣很好，我們一起去圖書館看書，晚上再回家吃飯。",
  ],
  japanese: [
    "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。",
    "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。",
    "コンピューターのメモリは、プログラムとデータを一時的に記憶する装置です。",
    "東京タワーの高さは333メートルで、1958年に完成した。",
  ],
  korean: [
    "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.",
    "한글은 세종대왕이 1443년에 창제하고 1446년에 반포한 문자이다.",
    "오늘은 날씨가 맑아서 친구와 함께 산에 올라갔다가 저녁에 돌아왔습니다.",
  ],
  russian: [
    "Все люди рождаются свободными и равными в своём достоинстве и правах.",
    "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему.",
    "Москва — столица России, её население превышает 13 миллионов человек.",
  ],
  greek: [
    "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα.",
    "Η Αθήνα είναι η πρωτεύουσα της Ελλάδας και μία από τις αρχαιότερες πόλεις του κόσμου.",
  ],
  arabic: [
    "يولد جميع الناس أحراراً متساوين في الكرامة والحقوق، وقد وهبوا عقلاً وضميراً.",
    "القاهرة هي عاصمة جمهورية مصر العربية وأكبر مدنها من حيث عدد السكان.",
  ],
  hebrew: ["כל בני האדם נולדו בני חורין ושווים בערכם ובזכויותיהם.", "ירושלים היא עיר הבירה של מדינת ישראל."],
  thai: ["มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ", "กรุงเทพมหานครเป็นเมืองหลวงของประเทศไทย"],
  hindi: ["सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है।", "नई दिल्ली भारत की राजधानी है।"],
  armenian: ["Բոլոր մարդիկ ծնվում են ազատ ու հավասար իրենց արժանապատվությամբ ու իրավունքներով։"],
  german: [
    "Alle Menschen sind frei und gleich an Würde und Rechten geboren.",
    "Über den Dächern von Köln hängt früh am Morgen dichter Nebel.",
  ],
  french: [
    "Tous les êtres humains naissent libres et égaux en dignité et en droits.",
    "Longtemps, je me suis couché de bonne heure. Parfois, à peine ma bougie éteinte, mes yeux se fermaient si vite.",
  ],
  vietnamese: [
    "Tất cả mọi người sinh ra đều được tự do và bình đẳng về nhân phẩm và quyền.",
    "Hà Nội là thủ đô của Việt Nam.",
  ],
  english: ["Call me Ishmael. Some years ago, never mind how long precisely, I went to sea."],
};
const inOrder = (languages: readonly string[]) =>
  fc
    .constantFrom(...languages)
    .chain(language =>
      fc
        .tuple(
          fc.array(fc.constantFrom(...sentences[language]!), { minLength: 1, maxLength: 12 }),
          fc.constantFrom("", " ", "\n", "\r\n"),
        )
        .map(([chosen, between]) => chosen.join(between)),
    );
const everyLanguage = Object.keys(sentences);

const encode: Readonly<Record<string, (text: string) => Buffer>> = {
  "UTF-16LE": text => Buffer.from(text, "utf16le"),
  "UTF-16BE": text => Buffer.from(text, "utf16le").swap16(),
  "UTF-32LE": text => Buffer.from(Uint32Array.from(text, letter => letter.codePointAt(0)!).buffer),
  "UTF-32BE": text => encode["UTF-32LE"]!(text).swap32(),
};

for (const encoding of ["UTF-16LE", "UTF-16BE"]) {
  test(`${encoding} without a mark is recognised in every language, wherever it is cut`, () => {
    for (const text of Object.values(sentences).flat())
      assert.equal(guessEncoding(encode[encoding]!(text)), encoding, text);
    fc.assert(
      fc.property(inOrder(everyLanguage), fc.nat(3), (text, cut) => {
        const bytes = encode[encoding]!(text);
        assert.equal(guessEncoding(bytes.subarray(0, bytes.length - cut)), encoding);
      }),
    );
  });
}

test("what is no UTF-8 is advised to be converted from what it is", () => {
  const advice = (bytes: Buffer): string => {
    try {
      decodeUtf8(bytes, { path: "file", line: 1, byte: 0 });
    } catch (error) {
      return (error as UserError).advice;
    }
    return "none";
  };
  for (const language of ["chinese", "taiwanese", "japanese", "korean"]) {
    const text = sentences[language]!.join("");
    for (const encoding of ["UTF-16LE", "UTF-16BE"])
      assert.match(advice(encode[encoding]!(text)), new RegExp(`iconv -f ${encoding} -t`), language);
  }
  assert.match(advice(encodeAs("windows-1252", sentences.french!.join(" "))), /iconv -f WINDOWS-1252 /);
  for (const [encoding, languages] of Object.entries(countries).filter(([name]) => name !== "windows-1252"))
    for (const language of languages)
      assert.match(advice(encodeAs(encoding, sentences[language]!.join(""))), /may be GB18030/);
});

/** The languages that are written in each. */
const countries: Readonly<Record<string, readonly string[]>> = {
  gb18030: ["chinese"],
  big5: ["taiwanese"],
  shift_jis: ["japanese"],
  "euc-jp": ["japanese"],
  "euc-kr": ["korean"],
  "koi8-r": ["russian"],
  "windows-1251": ["russian"],
  "windows-1253": ["greek"],
  "windows-1256": ["arabic"],
  "windows-1252": ["german", "french"],
};
const tables = new Map<string, Map<string, Buffer>>();

/** By the table that its decoder is: of all that is one or two bytes. */
function encodeAs(encoding: string, text: string): Buffer {
  const table = tables.get(encoding) ?? new Map<string, Buffer>();
  if (table.size === 0) {
    const decoder = new TextDecoder(encoding);
    for (let word = 0; word < 0x1_0000; word++) {
      const bytes = word < 0x100 ? Buffer.of(word) : Buffer.of(word >> 8, word & 0xff);
      const letter = decoder.decode(bytes);
      if (Array.from(letter).length === 1 && letter !== "\ufffd" && !table.has(letter)) table.set(letter, bytes);
    }
    tables.set(encoding, table);
  }
  return Buffer.concat(Array.from(text, letter => table.get(letter) ?? Buffer.from("?")));
}

test("no other encoding of a language is taken for it, at any place that it is read from", () => {
  const written = fc
    .constantFrom(...Object.entries(countries))
    .chain(([encoding, languages]) => inOrder(languages).map(text => ({ encoding, bytes: encodeAs(encoding, text) })));
  fc.assert(
    fc.property(written, fc.nat(9), ({ encoding, bytes }, cut) => {
      assert.equal(new TextDecoder(encoding).decode(bytes).includes("\ufffd"), false);
      assert.equal(guessEncoding(bytes.subarray(cut)), undefined);
    }),
  );
  fc.assert(fc.property(inOrder(everyLanguage), text => assert.equal(guessEncoding(Buffer.from(text)), undefined)));
});

test("a damaged byte makes no other encoding of what it is in", () => {
  // Korean of two bytes a letter is hangul the wrong way round, too.
  for (const [encoding, language] of [
    ["euc-kr", "korean"],
    ["gb18030", "chinese"],
    ["big5", "taiwanese"],
  ] as const) {
    const bytes = encodeAs(encoding, sentences[language]!.join("").replace(/[ -~。，]/g, ""));
    for (const at of [bytes.length - 1, bytes.length - 2, 0, 1]) {
      const damaged = Buffer.concat([bytes, bytes]);
      damaged[at] = 0;
      assert.equal(guessEncoding(damaged), undefined, `${encoding} ${at}`);
    }
  }
});

test("neither are texts with NULs between or behind them, nor bytes by chance", () => {
  const names = fc.array(fc.constantFrom("docs/a.txt", "lib", "image-7.png", "naïve.md", "北京.txt"), { minLength: 1 });
  fc.assert(fc.property(names, list => assert.equal(guessEncoding(Buffer.from(list.join("\0"))), undefined)));
  for (const language of ["russian", "greek", "arabic"]) {
    const words = sentences[language]!.join(" ").split(" ");
    const parted = Buffer.from(Array.from({ length: 9216 }, (_, i) => words[i % words.length]).join("\0"));
    for (let cut = 0; cut < 8; cut++) {
      const bytes = Buffer.from(parted.subarray(cut, cut + 9216));
      assert.equal(guessEncoding(bytes), undefined, `${language} cut at ${cut}`);
      bytes[4000 + cut] = 0xff;
      assert.equal(guessEncoding(bytes), undefined, `${language} cut at ${cut}, with a damaged byte`);
    }
  }
  fc.assert(
    fc.property(inOrder(everyLanguage), fc.integer({ min: 1, max: 600 }), (text, count) => {
      const padded = Buffer.concat([Buffer.from(text), Buffer.alloc(count)]);
      assert.equal(guessEncoding(padded), undefined);
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 60, maxLength: 2000 }), bytes =>
      assert.equal(guessEncoding(bytes), undefined),
    ),
  );
});
