"""The lesson's text cleaning as a scikit-learn transformer, so that `pipeline.predict(raw_texts)` is the oracle."""

from __future__ import annotations

import re

from sklearn.base import BaseEstimator, TransformerMixin

from .errors import refusal
from .stop_words import NLTK_ENGLISH

PUNCTUATION = re.compile(r"""([!"'#$%&()*+,\-./:;<=>?@\\\[\]^_`{|}~])""")
NOT_ALPHANUMERIC = re.compile(r"[^A-Za-z0-9]+")
SPACES = re.compile(r" +")
LINK = re.compile(r"http\S+")
WORD = re.compile(r"\w(.*\w)?", re.DOTALL)


class TextCleaner(TransformerMixin, BaseEstimator):
    """Cleans texts as the "Made With ML" lesson does before it vectorizes them.

    Parameters
    ----------
    lower : bool
        Lower-case the text first (`str.lower`).
    stop_words : "nltk", a list of str, or None
        Words to remove, as one regex alternation between word boundaries, with the white space behind. "nltk" is the
        lesson's list. They are matched literally, and case matters.
    stem : bool
        Not supported; present because it is one of the lesson's arguments.
    """

    def __init__(self, lower=True, stop_words="nltk", stem=False):
        self.lower = lower
        self.stop_words = stop_words
        self.stem = stem

    def fit(self, X, y=None):
        """Learns nothing; checks the parameters."""
        self._check()
        return self

    def transform(self, X):
        """The cleaned texts, a list of str as long as X."""
        if isinstance(X, (str, bytes)):
            raise ValueError("TextCleaner expects an iterable of texts, got a single one")
        self._check()
        words = stop_word_list(self.stop_words)
        pattern = re.compile(r"\b(" + "|".join(map(re.escape, words)) + r")\b\s*") if words else None
        return [clean(text, self.lower, pattern) for text in X]

    def _check(self):
        if self.stem:
            raise ValueError("TextCleaner(stem=True) is not supported")
        stop_word_list(self.stop_words)

    def __sklearn_is_fitted__(self):
        return True


def clean(text, lower, stop_words):
    """One text, cleaned; `stop_words` is the compiled alternation or None."""
    if not isinstance(text, str):
        raise TypeError(f"TextCleaner expects texts of type str, got {type(text).__name__}")
    if lower:
        text = text.lower()
    if stop_words is not None:
        text = stop_words.sub("", text)
    text = PUNCTUATION.sub(r" \1 ", text)
    text = NOT_ALPHANUMERIC.sub(" ", text)
    text = SPACES.sub(" ", text).strip()
    # No link is left by now, only words with "http" in them; the lesson has this order, so we have it.
    return LINK.sub("", text)


def stop_word_list(stop_words):
    """The literal words that the parameter stands for, in the order in which they are tried."""
    if stop_words is None:
        return []
    if isinstance(stop_words, str):
        if stop_words != "nltk":
            raise ValueError(f"stop_words={stop_words!r} is neither 'nltk', a list of words nor None")
        return list(NLTK_ENGLISH)
    words = list(stop_words)
    for word in words:
        if not isinstance(word, str) or not word or any("\ud800" <= character <= "\udfff" for character in word):
            raise ValueError(f"stop_words: {word!r} is not a word (a non-empty str without lone surrogates)")
    return words


def read_cleaner(step: str, cleaner: TextCleaner) -> dict:
    """The manifest's `cleaner` object."""
    if type(cleaner) is not TextCleaner:
        raise refusal(step, cleaner, "a subclass of TextCleaner may clean otherwise")
    if cleaner.stem:
        raise refusal(step, cleaner, "stem=True is not supported")
    try:
        words = stop_word_list(cleaner.stop_words)
    except (TypeError, ValueError) as error:
        raise refusal(step, cleaner, str(error)) from None
    for word in words:
        if not WORD.fullmatch(word):
            why = "must begin and end with a letter, a digit or an underscore"
            raise refusal(step, cleaner, f"stop_words: {word!r} {why}")
    return {"kind": "lesson", "lower": bool(cleaner.lower), "stop_words": words}
