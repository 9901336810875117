"""Verdicts of Gopher's document filters (Rae et al. 2021, arXiv 2112.11446, appendix A.1 and table A1), written from the paper.

Run: python3 make-filters.py > ../expected/filters.json
"""
import json
import random
import re
from collections import Counter

random.seed(7)
COMMON = "the of and to in a is that it was for on are as with his they at be this have from or one had by word but not what all".split()
RARE = ["w%d" % i for i in range(400)]
STOP = {"the", "be", "to", "of", "and", "that", "have", "with"}


def sentence(words, length):
    return " ".join(random.choice(words) for _ in range(length))


def ink(text):
    return len("".join(text.split()))


def judge_length(text, least=50, most=100000):
    n = len(text.split())
    return "short" if n < least else "long" if n > most else None


def judge_prose(text):
    words = text.split()
    lines = [line for line in text.split("\n") if line.strip()]
    mean = sum(map(len, words)) / len(words)
    rules = {
        "shortestMean": mean >= 3,
        "longestMean": mean <= 10,
        "symbols": text.count("#") / len(words) <= 0.1 and len(re.findall(r"\.\.\.|…", text)) / len(words) <= 0.1,
        "bullets": sum(line.lstrip()[:2] in ("- ", "* ", "• ") for line in lines) / len(lines) <= 0.9,
        "ellipses": sum(line.rstrip().endswith(("...", "…")) for line in lines) / len(lines) <= 0.3,
        "alphabetic": sum(any(c.isalpha() for c in word) for word in words) / len(words) >= 0.8,
        "stopWords": len({word.lower() for word in words} & STOP) >= 2,
    }
    return [name for name, holds in rules.items() if not holds]


def repeats(parts):
    parts = [part.strip() for part in parts if part.strip()]
    counts = Counter(parts)
    again = sum(n - 1 for n in counts.values()) / len(parts)
    characters = sum((n - 1) * ink(part) for part, n in counts.items()) / sum(ink(part) for part in parts)
    return again, characters


def measure_repetition(text):
    shares = {}
    shares["lines"], shares["lineCharacters"] = repeats(text.split("\n"))
    shares["paragraphs"], shares["paragraphCharacters"] = repeats(re.split(r"\n\s*\n", text))
    words = text.split()
    total = sum(map(len, words))
    for n in (2, 3, 4):
        grams = Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))
        most = max(grams.values())
        first = next(gram for gram, count in grams.items() if count == most)
        shares["top%d" % n] = 0 if most == 1 else most * sum(map(len, first)) / total
    for n in range(5, 11):
        seen, again, i = set(), 0, 0
        while i + n <= len(words):
            gram = tuple(words[i : i + n])
            if gram in seen:
                again += sum(map(len, gram))
                i += n
            else:
                seen.add(gram)
                i += 1
        shares["all%d" % n] = again / total
    return shares


LIMITS = dict(lines=0.3, paragraphs=0.3, lineCharacters=0.2, paragraphCharacters=0.2, top2=0.2, top3=0.18, top4=0.16,
              all5=0.15, all6=0.14, all7=0.13, all8=0.12, all9=0.11, all10=0.1)


def make_document():
    kind = random.randrange(10)
    lines = [sentence(COMMON + RARE[: random.choice([10, 400])], random.randint(4, 14)) for _ in range(random.randint(3, 12))]
    if kind == 1:
        lines += random.choices(lines, k=random.randint(1, len(lines)))
    if kind == 2:
        lines = [random.choice(["- ", "* ", ""]) + line for line in lines]
        lines = [line if random.random() < 0.1 else "- " + line for line in lines]
    if kind == 3:
        lines = [line + random.choice([" ...", "…", "."]) for line in lines]
    if kind == 4:
        lines = [re.sub(r"\w+", lambda m: random.choice(["12", "#", m.group(), m.group()]), line) for line in lines]
    if kind == 5:
        lines = [sentence(RARE, 10) for _ in lines]
    if kind == 6:
        stretch = sentence(COMMON, random.randint(5, 12))
        lines = [line + " " + stretch if random.random() < 0.3 else line for line in lines]
    if kind == 7:
        lines = [sentence(["a", "be", "the", "incomprehensibilities", "counterrevolutionaries"], 9) for _ in lines]
    if kind == 8:
        paragraphs = ["\n".join(lines[i : i + 2]) for i in range(0, len(lines), 2)]
        return "\n\n".join(random.choices(paragraphs, k=len(paragraphs) + 2))
    if kind == 9:
        lines = [sentence(["a", "I", "be", "to", "so"], 9) for _ in lines]
    random.shuffle(lines)
    return "".join(line + random.choice(["\n", "\n", "\n\n"]) for line in lines)


cases = []
for _ in range(120):
    text = make_document()
    shares = measure_repetition(text)
    over = [name for name, limit in LIMITS.items() if shares[name] > limit + 1e-12]
    cases.append({"text": text, "length": judge_length(text), "prose": judge_prose(text), "over": over})
print(json.dumps(cases, ensure_ascii=False, separators=(",", ":")))
