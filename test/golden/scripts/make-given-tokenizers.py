"""Makes given-tokenizers.json: tokenizers as other people's files have them, and what Hugging Face's `tokenizers` (0.23) makes of texts by
them: ids, ids with special tokens read as text, and the ids' text. A case is a model, which several share, and what stands around it.

Needs tokenizers and sentencepiece, which makes the map of a few rules. Run beside this file: python make-given-tokenizers.py > ../expected/given-tokenizers.json
"""
import io, json, os, tempfile
import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

N, P, D = normalizers, pre_tokenizers, decoders
specials = ["<pad>", "<s>", "</s>", "<unk>", "<cls>", "<sep>", "<mask>"]
texts = [
    "", " ", "   ", "\n", "The cat sat on the mat, and the other cat did not.", "  Two  spaces, a tab\tand\r\na line  \n\n end ",
    "Café déjà vu — naïve 日本語 😀 don't WON'T I'll he'ſ 1234567", "e\u0301a\u0323\u0301 ﬁ ½ Ⅳ x² ㎏ Å ς Σ İ ß", "a\u00a0b\u2003c\u3000d\u200be\ufefff\u00adg",
    "Hello!!! ... ?! (a-b)/c_d «e» “f” $5 + 3 = 8€", "12 345,67 ٣٤ १२ a1b22c333 ½", "👩‍👩‍👧‍👦 🇩🇪 👍🏽", "مرحبا שלום नमस्ते ไทย 한국어",
    "<mask> the<mask>cat  <mask>  .", "<s></s> <pad><unk> <cls>a<sep>", "thekaffee kaffee, KAFFEE kaffees", "Über dem ÜBER über",
    "a <ent>  b<ent>c <ent>", "the  padded   cat padded.padded", "IP |||IP_ADDRESS||| a    b      c\n\n\n  d", "▁a ▁▁b_c", "word" * 40,
    "camelCaseWords HTTPServer x.y(z) == w; // ok", "\x00a\x01b\x7fc\x8f\ufffd", "<0x41> </w> ##ing",
]
corpus = texts + ["The cat and the other mat did sit on that cat, and then they sat 12 345 times on it, don't they?"] * 20


def learn(model, trainer, pre_tokenizer, more=[]):
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizer
    # Its own pieces would hold the special tokens a second time.
    plain = [text for text in corpus if "<" not in text]
    tokenizer.train_from_iterator(plain if isinstance(model, models.Unigram) else corpus, trainer(special_tokens=specials + more, show_progress=False))
    return json.loads(tokenizer.to_str())["model"]


def train(kind, size, **options):
    return lambda **more: kind(vocab_size=size, **options, **more)


in_bytes = [f"<0x{byte:02X}>" for byte in range(256)]
shared = {
    "bytes": learn(models.BPE(), train(trainers.BpeTrainer, 360, initial_alphabet=P.ByteLevel.alphabet()), P.ByteLevel(add_prefix_space=False)),
    "pieces": learn(models.BPE(unk_token="<unk>", fuse_unk=True), train(trainers.BpeTrainer, 150, limit_alphabet=60), P.Metaspace()),
    "pieces-or-bytes": learn(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True), train(trainers.BpeTrainer, 400, limit_alphabet=60), P.Metaspace(), in_bytes),
    "words-ended": learn(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"), train(trainers.BpeTrainer, 250, limit_alphabet=80, end_of_word_suffix="</w>"), P.WhitespaceSplit()),
    "wordpiece": learn(models.WordPiece(unk_token="<unk>"), train(trainers.WordPieceTrainer, 250, limit_alphabet=80), P.BertPreTokenizer()),
    "unigram": learn(models.Unigram(), train(trainers.UnigramTrainer, 150, unk_token="<unk>"), P.Metaspace()),
    "words": learn(models.WordLevel(unk_token="<unk>"), train(trainers.WordLevelTrainer, 80), P.Whitespace()),
}
shared["unigram-or-bytes"] = {**shared["unigram"], "byte_fallback": True, "vocab": shared["unigram"]["vocab"] + [[byte, -20.0] for byte in in_bytes]}
letters = sorted(P.ByteLevel.alphabet())
ended = [*specials, *letters, *[letter + "</w>" for letter in letters], "th", "the</w>", "at</w>", "cat</w>"]
shared["bytes-ended"] = {**shared["words-ended"], "vocab": {token: i for i, token in enumerate(ended)}, "merges": [["t", "h"], ["th", "e</w>"], ["a", "t</w>"], ["c", "at</w>"]]}
shared["pieces-without-unknown"] = {**shared["pieces"], "unk_token": None}
shared["bytes-whole"] = {**shared["bytes"], "ignore_merges": True, "vocab": {**shared["bytes"]["vocab"], "Ġkaffee": len(shared["bytes"]["vocab"])}}

spaces = [AddedToken(" " * n, normalized=True) for n in range(6, 1, -1)]
others = [
    AddedToken("kaffee", single_word=True, normalized=False), AddedToken("<ent>", special=True, rstrip=True, normalized=False),
    AddedToken("padded", lstrip=True, rstrip=True, normalized=False), AddedToken("Über", normalized=True),
    AddedToken("|||IP_ADDRESS|||", normalized=True),
]
cases = {}


def add(name, model, normalizer=None, pre_tokenizer=None, decoder=None, added=[], mask=None):
    tokenizer = Tokenizer.from_str(json.dumps({
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None, "pre_tokenizer": None,
        "post_processor": None, "decoder": None, "model": shared[model],
    }))
    if normalizer: tokenizer.normalizer = normalizer
    if pre_tokenizer: tokenizer.pre_tokenizer = pre_tokenizer
    if decoder: tokenizer.decoder = decoder
    tokenizer.add_special_tokens([mask if token == "<mask>" and mask else token for token in specials])
    tokenizer.add_tokens(added)
    said = json.loads(tokenizer.to_str())
    ids = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
    decoded = [tokenizer.decode(each, skip_special_tokens=False) for each in ids]
    tokenizer.encode_special_tokens = True
    split = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
    cases[name] = {"model": model, "around": {**{key: value for key, value in said.items() if key != "model"}}, "ids": ids,
                   "split": {i: each for i, each in enumerate(split) if each != ids[i]}, "decoded": decoded}


strips = AddedToken("<mask>", lstrip=True, special=True)
add("added tokens, bytes", "bytes", N.NFC(), P.ByteLevel(add_prefix_space=False), D.ByteLevel(), spaces + others, strips)
add("added tokens, bytes behind a space", "bytes", None, P.ByteLevel(add_prefix_space=True), D.ByteLevel(), others, strips)
add("added tokens, wordpiece", "wordpiece", N.BertNormalizer(), P.BertPreTokenizer(), D.WordPiece(), others)
add("added tokens, unigram", "unigram", N.NFKC(), P.Metaspace(prepend_scheme="first"), D.Metaspace(prepend_scheme="first"), others + spaces, strips)
add("added tokens, words", "words", N.Lowercase(), P.Whitespace(), None, others + [AddedToken("<mask>", special=True, lstrip=True, rstrip=True)])

gpt2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
llama3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
cl100k = (r"(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++(?!\S)|\s*[\r\n]|\s+").replace("{1,3}+", "{1,3}")
o200k = "|".join([
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+",
])
behaviours = ["isolated", "removed", "merged_with_previous", "merged_with_next", "contiguous"]
in_bytes_then = lambda *steps, **more: P.Sequence([*steps, P.ByteLevel(add_prefix_space=False, use_regex=False, **more)])
for name, pattern in dict(gpt2=gpt2, llama3=llama3, cl100k=cl100k, o200k=o200k).items():
    add(f"split by {name}", "bytes", None, in_bytes_then(P.Split(Regex(pattern), "isolated")), D.ByteLevel())
add("matches alone, and a word that is a token", "bytes-whole", None, in_bytes_then(P.Split(Regex(gpt2), "removed", invert=True)), D.ByteLevel())
add("a word that is a token", "bytes-whole", None, P.ByteLevel(add_prefix_space=True), D.ByteLevel())
add("digits by three", "bytes", N.NFC(), P.Sequence([P.Punctuation("contiguous"), P.Split(Regex("[0-9]{1,3}"), "isolated"), P.ByteLevel(add_prefix_space=True)]), D.ByteLevel())
add("digits, bytes", "bytes", None, P.Sequence([P.Digits(individual_digits=True), P.ByteLevel(add_prefix_space=False)]), D.ByteLevel(), others, strips)
for behaviour in behaviours:
    add(f"punctuation {behaviour}", "wordpiece", N.Lowercase(), P.Sequence([P.WhitespaceSplit(), P.Punctuation(behaviour)]), D.WordPiece())
    add(f"a literal {behaviour}", "pieces", None, P.Split("a", behaviour), D.Fuse())
    add(f"a pattern {behaviour}, inverted", "pieces", None, P.Sequence([P.Split(Regex(r"\d|\w+(?<!t)\b"[:-2] + "| "), behaviour, invert=True), P.Metaspace(prepend_scheme="never", split=False)]), D.Metaspace(prepend_scheme="never"))
add("digits together", "wordpiece", N.BertNormalizer(), P.Sequence([P.Whitespace(), P.Digits()]), D.WordPiece(cleanup=False))
add("spaces alone", "words", None, P.WhitespaceSplit())
add("words of a delimiter", "words", None, P.CharDelimiterSplit("a"))
add("bert and digits", "wordpiece", N.BertNormalizer(), P.Sequence([P.BertPreTokenizer(), P.Digits(individual_digits=True)]), D.WordPiece())
for scheme in ["always", "first", "never"]:
    add(f"spaces, then metaspace {scheme}", "unigram", None, P.Sequence([P.WhitespaceSplit(), P.Metaspace(prepend_scheme=scheme)]), D.Metaspace(prepend_scheme=scheme), others)
    add(f"metaspace {scheme}, not cut", "pieces", None, P.Metaspace(prepend_scheme=scheme, split=False), D.Metaspace(prepend_scheme=scheme), others)
add("punctuation, then metaspace first", "unigram", N.NFKC(), P.Sequence([P.Punctuation(), P.Metaspace(prepend_scheme="first")]), D.Metaspace(prepend_scheme="first"))

albert = [N.Replace("``", '"'), N.Replace("''", '"'), N.NFKD(), N.StripAccents(), N.Lowercase(), N.Replace(Regex(" {2,}"), " ")]
spaced = P.Sequence([P.WhitespaceSplit(), P.Metaspace()])
add("albert", "unigram", N.Sequence(albert), spaced, D.Metaspace(), others)
add("nmt", "unigram", N.Sequence([N.Nmt(), N.NFKC(), N.Replace(Regex(" {2,}"), " ")]), P.Metaspace(prepend_scheme="first"), D.Metaspace(prepend_scheme="first"), others)
add("nmt, bytes", "bytes", N.Nmt(), P.ByteLevel(add_prefix_space=False), D.ByteLevel())
add("stripped", "wordpiece", N.Sequence([N.Strip(), N.NFKD(), N.Lowercase()]), P.Sequence([P.Whitespace(), P.Digits(individual_digits=True)]), D.WordPiece())
for left, right in [(True, False), (False, True), (True, True)]:
    add(f"stripped {left}, {right}", "pieces", N.Sequence([N.Strip(left, right), N.Prepend("$1"), N.NFKD()]), P.Metaspace(prepend_scheme="first"), D.Metaspace(prepend_scheme="first"), others)
add("prepended", "pieces", N.Sequence([N.Prepend("▁"), N.Replace(" ", "▁")]), None,
    D.Sequence([D.Replace("▁", " "), D.ByteFallback(), D.Fuse(), D.Strip(" ", 1, 0)]), others)
add("replaced by patterns", "bytes", N.Sequence([N.Replace(Regex(r"\s+"), " "), N.Replace(Regex(r"(?<=\p{L})\p{M}+|\p{Nd}+(?=x)"), "$&"), N.Replace(Regex(r"[^\S\n]"), "_")]),
    P.ByteLevel(add_prefix_space=False), D.ByteLevel(), others)

spelt = D.Sequence([D.Replace("▁", " "), D.ByteFallback(), D.Fuse(), D.Strip(" ", 1, 0)])
add("llama 2", "pieces-or-bytes", N.Sequence([N.Prepend("▁"), N.Replace(" ", "▁")]), None, spelt, others)
add("pieces or bytes", "pieces-or-bytes", N.NFKC(), P.Metaspace(prepend_scheme="first"), spelt, others)
add("unigram or bytes", "unigram-or-bytes", None, spaced, D.Sequence([D.ByteFallback(), D.Metaspace()]), others)
add("ended words", "words-ended", N.NFKC(), P.WhitespaceSplit(), D.BPEDecoder("</w>"), others)
add("ended words, each character", "words-ended", N.BertNormalizer(), P.BertPreTokenizer(), D.BPEDecoder("</w>"))
add("clip", "bytes-ended", N.Sequence([N.NFC(), N.Replace(Regex(r"\s+"), " "), N.Lowercase()]), P.Sequence([P.Split(
    Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"), "removed", invert=True), P.ByteLevel(add_prefix_space=False)]), D.ByteLevel(), others)
add("unknown characters dropped", "pieces-without-unknown", None, P.Metaspace(), D.Metaspace())

rules = {"\t": " ", "\n": " ", "\r": " ", "\r\n": "|", "\x01": "", "\u00ad": "", "\u200b": " ", "\u00a0": " ", "\u3000": " ", "e\u0301": "é", "\u0301": "'",
         "a\u0323": "ạ", "ﬁ": "fi", "½": "1⁄2", "Ⅳ": "iv", "²": "2", "Å": "a", "…": "...", "“": '"', "한": "han", "न": "na", "नम": "nama", "T": "t", "👍": "+1", "日本": "nippon"}


def fields(message):
    """The fields of a protocol buffer: number and value."""
    at = 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(message):
        tag = number()
        size = {0: 0, 1: 8, 5: 4}.get(tag & 7)
        if size == 0:
            yield tag >> 3, number()
            continue
        size = number() if size is None else size
        yield tag >> 3, message[at:at + size]
        at += size


def make_map():
    hexadecimal = lambda text: " ".join(f"{ord(c):x}" for c in text)
    with tempfile.NamedTemporaryFile("w", suffix=".tsv", delete=False) as file:
        file.write("".join(f"{hexadecimal(key)}\t{hexadecimal(value)}\n" for key, value in rules.items()))
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(["a b c d e f g h the cat"] * 50), model_writer=model, vocab_size=16,
                                             hard_vocab_limit=False, minloglevel=2, normalization_rule_tsv=file.name)
    os.unlink(file.name)
    return dict(fields(dict(fields(model.getvalue()))[3]))[2]


precompiled = N.Precompiled(make_map())
add("xlm-r", "unigram", precompiled, spaced, D.Metaspace(), others)
add("t5", "unigram", N.Sequence([precompiled, N.Strip(False, True), N.Replace(Regex(" {2,}"), "▁")]), P.Metaspace(prepend_scheme="first"), D.Metaspace(prepend_scheme="first"), others)
add("a map, then bytes", "bytes", N.Sequence([precompiled, N.NFC()]), P.ByteLevel(add_prefix_space=False), D.ByteLevel())

print(json.dumps({"texts": texts, "models": shared, "cases": cases}, separators=(",", ":")))
