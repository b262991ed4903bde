"""A fitted vectorizer as manifest entry and tensors, or the reason why it has no exact representation."""

from __future__ import annotations

import numbers
import re
import reprlib
from dataclasses import dataclass, field
from typing import Optional

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfTransformer,
    TfidfVectorizer,
)
from sklearn.utils.validation import check_is_fitted

from .errors import refusal
from .token_pattern import SPELLINGS, NotSupported, canonical, compile_pattern

ANALYZERS = ("char_wb", "char", "word")
SHORT = reprlib.Repr()
SHORT.maxstring = SHORT.maxother = 80
NGRAM_MAX = 64  # of the server: it keeps the work for a character bounded
TERM_BYTES_MAX = 2**32 - 1  # `term_ends` are 32-bit offsets


@dataclass
class Rescaling:
    """A stretch of the way from counts to the classifier: values to 1 + ln, times a factor a column, to length 1."""

    sublinear_tf: bool = False
    scale: Optional[np.ndarray] = None
    norm: Optional[str] = None


@dataclass
class Vectorizer:
    """What the artifact says of one vectorizer, while the steps behind it are read one after the other.

    `manifest` and `tensors` lack what `rescalings` and `factors` say, until `finish` writes it down. `columns` are
    those of its features that are still there, in the order in which they come out; `factors` are to be multiplied
    into the classifier's weights, one a feature.
    """

    manifest: dict
    terms: list
    tensors: dict
    features: int
    columns: np.ndarray = None
    factors: Optional[np.ndarray] = None
    rescalings: list = field(default_factory=lambda: [Rescaling()])

    def __post_init__(self):
        self.columns = np.arange(self.features)

    @property
    def signed(self) -> bool:
        """Whether values can be below zero, or zero where n-grams cancel each other out."""
        return bool(self.manifest.get("alternate_sign")) and not self.manifest["binary"]

    def scale(self, factors) -> None:
        """Multiply each remaining column by its factor."""
        if self.factors is None:
            self.factors = np.ones(self.features)
        self.factors[self.columns] *= factors

    def select(self, indices) -> None:
        """Keep these of the remaining columns; for the others a factor of 0 stands, since a norm must not see them."""
        kept = self.columns[indices]
        dropped = np.ones(self.features, dtype=bool)
        dropped[kept] = False
        if dropped.any():
            self.scale(np.ones(len(self.columns)))
            self.factors[dropped] = 0.0
        self.columns = kept

    def rescale(self, sublinear_tf: bool = False, scale=None, norm: Optional[str] = None) -> None:
        """What a TfidfTransformer or a Normalizer does; `scale` has one factor a remaining column."""
        whole = None
        if scale is not None:
            whole = np.zeros(self.features)
            whole[self.columns] = scale
        last = self.rescalings[-1]
        if self.factors is not None:
            self.rescalings.append(Rescaling(scale=self.factors))
            self.factors = None
        elif not last.sublinear_tf and last.scale is None and last.norm is None:
            self.rescalings.pop()
        elif not sublinear_tf and last.norm is None and (whole is None or last.scale is None):
            self.rescalings.pop()
            sublinear_tf, whole = last.sublinear_tf, last.scale if whole is None else whole
        self.rescalings.append(Rescaling(bool(sublinear_tf), whole, norm))

    def to_presence(self) -> bool:
        """Replace values by whether they are above zero; False where that is not whether an n-gram is there."""
        positive = all(one.scale is None or (one.scale[self.columns] > 0).all() for one in self.rescalings)
        positive &= self.factors is None or bool((self.factors[self.columns] > 0).all())
        if self.signed or not positive or any(one.sublinear_tf for one in self.rescalings[1:]):
            return False
        self.manifest["binary"] = True
        self.rescalings, self.factors = [Rescaling()], None
        return True

    def finish(self) -> None:
        """Write the rescalings into manifest and tensors."""
        first, *others = self.rescalings
        self.manifest.update(sublinear_tf=first.sublinear_tf, idf=first.scale is not None, norm=first.norm)
        if first.scale is not None:
            self.tensors["idf"] = first.scale
        if others:
            self.manifest["then"] = []
        for number, one in enumerate(others):
            entry = {"sublinear_tf": one.sublinear_tf, "scale": one.scale is not None, "norm": one.norm}
            self.manifest["then"].append(entry)
            if one.scale is not None:
                self.tensors[f"then.{number}.scale"] = one.scale
        self.manifest["features"] = self.features

    def spread(self, coef):
        """The classifier's weights for the remaining columns, as weights for all features."""
        spread = np.zeros((len(coef), self.features))
        spread[:, self.columns] = coef
        return spread if self.factors is None else spread * self.factors


def read_vectorizer(step: str, vectorizer: object) -> Vectorizer:
    """Read a fitted vectorizer; tensors are named without their `vectorizer.<i>.` prefix."""
    if type(vectorizer) not in (TfidfVectorizer, CountVectorizer, HashingVectorizer):
        raise refusal(step, vectorizer, "this step is not supported")
    hashing = type(vectorizer) is HashingVectorizer
    _check_parameters(step, vectorizer, hashing)
    tensors, manifest = {}, {
        "kind": "hashing" if hashing else "vocabulary",
        "analyzer": str(vectorizer.analyzer),
        "ngram_range": _ngram_range(step, vectorizer),
        "lowercase": bool(vectorizer.lowercase),
        "token_pattern": None,
        "binary": bool(vectorizer.binary),
        "sublinear_tf": False,
        "idf": False,
        "norm": None,
    }
    if vectorizer.strip_accents:
        manifest["strip_accents"] = vectorizer.strip_accents
    if vectorizer.analyzer == "word":
        _read_words(step, vectorizer, manifest, tensors)
    if hashing:
        manifest["alternate_sign"] = bool(vectorizer.alternate_sign)
        read = Vectorizer(manifest, [], tensors, int(vectorizer.n_features))
    else:
        if not hasattr(vectorizer, "vocabulary_"):
            raise refusal(step, vectorizer, "is not fitted")
        terms = _terms(step, vectorizer)
        tensors.update(_term_tensors(step, vectorizer, terms))
        read = Vectorizer(manifest, terms, tensors, len(terms))
        low, high = manifest["ngram_range"]
        if high > NGRAM_MAX:  # longer n-grams than the longest term's are no terms
            longest = max(len(term.split(" ")) if vectorizer.analyzer == "word" else len(term) for term in terms)
            manifest["ngram_range"] = [low, max(low, min(high, longest))]
    if manifest["ngram_range"][1] > NGRAM_MAX:
        raise refusal(step, vectorizer, f"ngram_range={vectorizer.ngram_range!r} is not supported beyond {NGRAM_MAX}")
    if hashing and vectorizer.norm is not None:
        read_norm(step, vectorizer, read)
    if type(vectorizer) is TfidfVectorizer:
        if not hasattr(vectorizer, "_tfidf"):
            raise refusal(step, vectorizer, "is not fitted")
        # The inner transformer is what runs: parameters set on the outer object after the fit have no effect.
        read_tfidf(step, vectorizer, vectorizer._tfidf, read)
    return read


def read_tfidf(step: str, named: object, tfidf: TfidfTransformer, read: Vectorizer) -> None:
    """What a TfidfTransformer does to a vectorizer's columns; `named` is what an error speaks of."""
    try:
        check_is_fitted(named)
        idf = np.asarray(tfidf.idf_) if tfidf.use_idf else None
    except (NotFittedError, AttributeError):
        raise refusal(step, named, "is not fitted (it has no idf)") from None
    if idf is None and hasattr(tfidf, "idf_"):
        raise refusal(step, named, "use_idf was changed after the fit")
    if tfidf.norm not in ("l1", "l2", None):
        raise refusal(step, named, f"norm={tfidf.norm!r} is not supported")
    if tfidf.sublinear_tf and read.signed:
        raise refusal(step, named, "sublinear_tf=True is not supported after alternate_sign=True: counts have signs")
    if idf is not None:
        idf = _idf_tensor(step, named, idf, len(read.columns))
    read.rescale(bool(tfidf.sublinear_tf), idf, tfidf.norm)


def read_norm(step: str, estimator: object, read: Vectorizer) -> None:
    """What a Normalizer does, or a HashingVectorizer at its end."""
    if estimator.norm not in ("l1", "l2"):
        raise refusal(step, estimator, f"norm={estimator.norm!r} is not supported")
    read.rescale(norm=str(estimator.norm))


def _check_parameters(step, vectorizer, hashing):
    """Refuse whatever stands in the way of the analyzer's having scikit-learn's own meaning."""

    def check(parameter, fine):
        if not fine:
            # Shortened in the middle: a list of stop words may be long.
            raise refusal(
                step, vectorizer, f"{parameter}={SHORT.repr(getattr(vectorizer, parameter))} is not supported"
            )

    check("analyzer", isinstance(vectorizer.analyzer, str) and vectorizer.analyzer in ANALYZERS)
    check("preprocessor", vectorizer.preprocessor is None)
    check("input", vectorizer.input == "content")
    check("strip_accents", not vectorizer.strip_accents or vectorizer.strip_accents in ("ascii", "unicode"))
    counts = type(vectorizer) is CountVectorizer
    check("dtype", np.dtype(vectorizer.dtype) in ((np.float64, np.int64) if counts else (np.float64,)))
    if hashing:
        features = vectorizer.n_features
        check("n_features", isinstance(features, numbers.Integral) and 1 <= features <= 2**31 - 1)
    if vectorizer.analyzer == "word":  # scikit-learn ignores these for the other analyzers
        check("tokenizer", vectorizer.tokenizer is None)
        check("token_pattern", isinstance(vectorizer.token_pattern, str))


def _read_words(step, vectorizer, manifest, tensors):
    """Token pattern and stop words."""
    pattern = manifest["token_pattern"] = canonical(vectorizer.token_pattern)
    if pattern not in SPELLINGS:
        try:
            compiled = compile_pattern(pattern)
        except (NotSupported, re.error) as error:
            what = f"token_pattern={SHORT.repr(vectorizer.token_pattern)} is not supported: {error}"
            raise refusal(step, vectorizer, what) from None
        tensors.update({f"token_pattern.{name}": values for name, values in compiled.items()})
    try:
        words = sorted(vectorizer.get_stop_words() or ())
    except (TypeError, ValueError) as error:
        raise refusal(step, vectorizer, f"stop_words: {error}") from None
    for word in words:
        if not isinstance(word, str) or any("\ud800" <= character <= "\udfff" for character in word):
            raise refusal(step, vectorizer, f"stop_words: {word!r} is not a str without lone surrogates")
    if words:
        manifest["stop_words"] = words


def _ngram_range(step, vectorizer):
    try:
        low, high = vectorizer.ngram_range
    except (TypeError, ValueError):
        low = high = None
    whole = isinstance(low, numbers.Integral) and isinstance(high, numbers.Integral)
    if not whole or not 1 <= low <= high <= 2**32 - 1:
        raise refusal(step, vectorizer, f"ngram_range={vectorizer.ngram_range!r} is not supported (1 <= low <= high)")
    return [int(low), int(high)]


def _terms(step, vectorizer):
    """The vocabulary in column order."""
    vocabulary = vectorizer.vocabulary_
    terms = [None] * len(vocabulary)
    for term, column in vocabulary.items():
        if not isinstance(term, str):
            raise refusal(step, vectorizer, f"vocabulary: the term {term!r} is not a str")
        if not term:
            raise refusal(step, vectorizer, "vocabulary: it holds the empty term")
        if not 0 <= column < len(terms) or terms[column] is not None:
            raise refusal(step, vectorizer, f"vocabulary: column {column} of {term!r} is out of range or taken twice")
        terms[column] = term
    if not terms:
        raise refusal(step, vectorizer, "vocabulary: it is empty")
    return terms


def _term_tensors(step, vectorizer, terms):
    encoded = []
    for term in terms:
        try:
            encoded.append(term.encode("utf-8"))
        except UnicodeEncodeError:
            raise refusal(step, vectorizer, f"vocabulary: the term {term!r} holds a lone surrogate") from None
    ends = np.cumsum([len(term) for term in encoded], dtype=np.int64)
    if ends[-1] > TERM_BYTES_MAX:
        raise refusal(step, vectorizer, f"vocabulary: its terms take {ends[-1]} bytes, more than {TERM_BYTES_MAX}")
    return {"terms": np.frombuffer(b"".join(encoded), dtype=np.uint8), "term_ends": ends.astype(np.uint32)}


def _idf_tensor(step, vectorizer, idf, features):
    if idf.shape != (features,):
        raise refusal(step, vectorizer, f"idf: its shape is {idf.shape}, the vocabulary has {features} terms")
    if not np.isfinite(idf).all():
        raise refusal(step, vectorizer, "idf: it holds a value that is not finite")
    if idf.dtype != np.float64:
        raise refusal(step, vectorizer, f"idf: its dtype is {idf.dtype}, not float64")
    return idf
