"""One vectorizer of an artifact, plainly: text to n-grams to values. Part of `reference`, and as ignorant as it."""

from __future__ import annotations

import functools
import math
from bisect import bisect_left

import numpy as np

from .token_pattern import ASSERT, JUMP, MATCH, SAVE, SET, SPLIT

ONE_CHARACTER_PATTERN = r"(?u)\b\w+\b"


class ReferenceVectorizer:
    """Reads `about`, its manifest entry, and its tensors; `tables` are all of the artifact's."""

    def __init__(self, about, tensors, tables, characters):
        self.about, self.tensors, self.characters = about, tensors, characters
        ends, terms = tensors.get("term_ends", np.array([], int)).tolist(), tensors.get("terms", b"")
        terms = bytes(memoryview(terms))
        self.column = {terms[a:b].decode("utf-8"): i for i, (a, b) in enumerate(zip([0, *ends], ends))}
        self.accents = None
        if about.get("strip_accents"):
            prefix = f"characters.accents_{about['strip_accents']}."
            codes, ends, text = (tables[prefix + name].tolist() for name in ("codes", "ends", "text"))
            cuts = zip(codes, [0, *ends], ends)
            self.accents = {chr(code): bytes(text[a:b]).decode("utf-8") for code, a, b in cuts}

    def ngrams(self, text):
        """All n-grams of a cleaned text, each as often as it occurs."""
        characters, analyzer = self.characters, self.about["analyzer"]
        low, high = self.about["ngram_range"]
        if self.about["lowercase"]:
            text = characters.lower(text)
        if self.accents is not None:
            text = "".join(self.accents.get(c, self._unlisted(c)) for c in text)
        if analyzer == "word":
            tokens = [token for token in self.tokens(text) if token not in self.about.get("stop_words", ())]
            return [" ".join(run) for n in range(low, min(high, len(tokens)) + 1) for run in windows(tokens, n)]
        text = characters.fold(text)
        if analyzer == "char":
            return [gram for n in range(low, min(high, len(text)) + 1) for gram in windows(text, n)]
        grams = []
        for word in filter(None, characters.words(text)):
            padded = f" {word} "
            # A word that fits into the shortest n-gram counts once, as a whole.
            for n in range(low, max(low, min(high, len(padded))) + 1):
                grams.extend(windows(padded, min(n, len(padded))))
        return grams

    def _unlisted(self, character):
        return character if self.about["strip_accents"] == "unicode" or character.isascii() else ""

    def tokens(self, text):
        """What the token pattern finds."""
        if "token_pattern.program" in self.tensors:
            return Program(self.tensors).find_all(text)
        return self.characters.tokens(text, 1 if self.about["token_pattern"] == ONE_CHARACTER_PATTERN else 2)

    def counts(self, text):
        """Column to count, which has a sign where the hash gives one; a sum of 0 stays."""
        counts = {}
        for gram in self.ngrams(text):
            if self.about["kind"] == "hashing":
                value = murmur(gram.encode("utf-8"))
                sign = -1 if value < 0 and self.about["alternate_sign"] else 1
                column = abs(value) % self.about["features"]
                counts[column] = counts.get(column, 0) + sign
            elif gram in self.column:
                counts[self.column[gram]] = counts.get(self.column[gram], 0) + 1
        return counts

    def features(self, text):
        """The text's feature vector: column to value, in ascending column order."""
        about = self.about
        values = {c: 1.0 if about["binary"] else float(count) for c, count in sorted(self.counts(text).items())}
        first = {"sublinear_tf": about["sublinear_tf"], "scale": about["idf"], "norm": about["norm"]}
        values = rescale(values, first, self.tensors.get("idf"))
        for number, then in enumerate(about.get("then", ())):
            values = rescale(values, then, self.tensors.get(f"then.{number}.scale"))
        return values


def rescale(values, about, scale):
    """1 + ln of each value that is not 0, times the column's factor, divided by the norm."""
    if about["sublinear_tf"]:
        values = {column: 1.0 + math.log(value) if value else 0.0 for column, value in values.items()}
    if about["scale"]:
        values = {column: value * float(scale[column]) for column, value in values.items()}
    if about["norm"] is None:
        return values
    squared = about["norm"] == "l2"
    norm = math.sqrt(sum(v * v for v in values.values())) if squared else sum(map(abs, values.values()))
    return {column: value / norm for column, value in values.items()} if norm else values


def windows(sequence, n):
    """All slices of length n."""
    return [sequence[i : i + n] for i in range(len(sequence) - n + 1)]


@functools.lru_cache(maxsize=100_000)
def murmur(data):
    """MurmurHash3, 32 bits, seed 0, as a signed number."""
    mask, value = 0xFFFFFFFF, 0

    def rotated(number, by):
        return (number << by | number >> (32 - by)) & mask

    for begin in range(0, len(data), 4):
        block = int.from_bytes(data[begin : begin + 4], "little")
        value ^= rotated(block * 0xCC9E2D51 & mask, 15) * 0x1B873593 & mask
        if begin + 4 <= len(data):
            value = (rotated(value, 13) * 5 + 0xE6546B64) & mask
    value ^= len(data)
    value = (value ^ value >> 16) * 0x85EBCA6B & mask
    value = (value ^ value >> 13) * 0xC2B2AE35 & mask
    value ^= value >> 16
    return value - 2**32 if value >= 2**31 else value


class Program:
    """A token pattern's program, run by backtracking: the first way that matches wins."""

    def __init__(self, tensors):
        self.code = tensors["token_pattern.program"].tolist()
        ends, rows = tensors["token_pattern.set_ends"].tolist(), tensors["token_pattern.sets"].tolist()
        self.sets = [rows[a:b] for a, b in zip([0, *ends], ends)]
        self.has_group = any(code == SAVE for code, _, _ in self.code)

    def find_all(self, text):
        """`re.findall`."""
        found, begin, advance = [], 0, False
        while begin <= len(text):
            matches = (self._match(text, i, advance and i == begin) for i in range(begin, len(text) + 1))
            match = next(filter(None, matches), None)
            if match is None:
                break
            start, end, group = match
            token = text[group[0] : group[1]] if None not in group else ""
            found.append(token if self.has_group else text[start:end])
            begin, advance = end, start == end
        return found

    def _match(self, text, start, advance):
        """The match that begins at `start`, as (start, end, group), or None."""
        ways, seen = [(0, start, (None, None))], set()
        while ways:
            at, i, group = ways.pop()
            if (at, i) in seen:
                continue  # an earlier way got here, and failed
            seen.add((at, i))
            code, a, b = self.code[at]
            if code == MATCH and not (advance and i == start):
                return start, i, group
            if code == SET and i < len(text) and self._holds(a, text[i]):
                ways.append((at + 1, i + 1, group))
            elif code == SPLIT:
                ways += [(b, i, group), (a, i, group)]
            elif code == JUMP:
                ways.append((a, i, group))
            elif code == ASSERT and self._stands(a, b, text, i):
                ways.append((at + 1, i, group))
            elif code == SAVE:
                ways.append((at + 1, i, (i, group[1]) if a == 0 else (group[0], i)))
        return None

    def _holds(self, number, character):
        rows, code = self.sets[number], ord(character)
        at = bisect_left(rows, [code + 1]) - 1
        return at >= 0 and rows[at][0] <= code <= rows[at][1]

    def _stands(self, kind, number, text, i):
        before = i > 0 and self._holds(number, text[i - 1]) if kind >= 5 else False
        after = i < len(text) and self._holds(number, text[i]) if kind >= 5 else False
        return (
            i == 0,
            i == len(text),
            i == 0 or text[i - 1] == "\n",
            i == len(text) or text[i] == "\n",
            text[i:] in ("", "\n"),
            before != after,
            text != "" and before == after,
        )[kind]
