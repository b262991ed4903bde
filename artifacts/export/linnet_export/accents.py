"""`strip_accents` as a table: what each character becomes.

Both functions of scikit-learn normalize by NFKD and then drop characters one by one. A character's neighbours matter to
NFKD only in the order of combining characters, and none of those stays. So a table holds all of it.
"""

from __future__ import annotations

import functools
import sys

import numpy as np
from sklearn.feature_extraction.text import strip_accents_ascii, strip_accents_unicode

from .characters import SURROGATES

STRIP = {"ascii": strip_accents_ascii, "unicode": strip_accents_unicode}


@functools.lru_cache(maxsize=2)
def accent_tables(kind: str) -> dict:
    """The tensors `characters.accents_<kind>.*`, without that prefix."""
    unlisted = "" if kind == "ascii" else None  # what becomes of a character that is not listed
    codes, replacements = [], []
    for code in range(0x80, sys.maxunicode + 1):
        if code not in SURROGATES:
            stripped = STRIP[kind](chr(code))
            if stripped != (chr(code) if unlisted is None else unlisted):
                codes.append(code)
                replacements.append(stripped.encode("utf-8"))
    return {
        "codes": np.array(codes, dtype=np.uint32),
        "ends": np.cumsum([len(one) for one in replacements]).astype(np.uint32),
        "text": np.frombuffer(b"".join(replacements), dtype=np.uint8),
    }
