"""Python's own Unicode tables: lower case, the final-sigma rule, white space, word characters, digits.

They come from the exporting interpreter, since every Python (and every other language) knows another Unicode version.
"""

from __future__ import annotations

import functools
import re
import sys

import numpy as np

PADDING = 0xFFFFFFFF
SURROGATES = range(0xD800, 0xE000)


@functools.lru_cache(maxsize=1)
def character_tables() -> dict:
    """The tensors `characters.*`, without that prefix. Surrogates are in none of them: no text that arrives has one."""
    characters = [chr(code) for code in range(sys.maxunicode + 1) if code not in SURROGATES]
    text = "".join(characters)
    space = ranges(_matched(r"\s", text))
    if space != ranges(ord(c) for c in characters if c.isspace()):
        raise AssertionError("str.isspace and the regular expression \\s differ in this Python")
    cased = [ord(c) for c in characters if (c + "Σ").lower().endswith("ς")]
    known = set(cased)
    ignorable = (ord(c) for c in characters if ord(c) not in known and ("A" + c + "Σ").lower().endswith("ς"))
    tables = {
        "lower": _lower(characters),
        "cased": ranges(cased),
        "case_ignorable": ranges(ignorable),
        "space": space,
        "word": ranges(_matched(r"\w", text)),
        "digit": ranges(_matched(r"\d", text)),
    }
    return {name: np.array(rows, dtype=np.uint32) for name, rows in tables.items()}


def _lower(characters):
    """Rows of a code point and its lower case, 1 to 3 code points, for all that str.lower changes."""
    rows = []
    for character in characters:
        lower = character.lower()
        if lower != character:
            row = [ord(character), *map(ord, lower)]
            rows.append(row + [PADDING] * (4 - len(row)))
    if max(map(len, rows)) > 4:
        raise AssertionError("a lower case of more than 3 code points")
    return rows


def _matched(pattern, text):
    """The code points of `text` (one of each, ascending) that the pattern matches."""
    return (ord(match.group()) for match in re.finditer(pattern, text))


def ranges(codes):
    """Ascending code points as inclusive ranges [first, last]."""
    ranges = []
    for code in codes:
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return ranges
