"""A fitted TfidfVectorizer as manifest entry and tensors, or the reason why it has no exact representation."""

from __future__ import annotations

import numbers
import reprlib
from dataclasses import dataclass

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.utils.validation import check_is_fitted

from .errors import refusal

DEFAULT_TOKEN_PATTERN = r"(?u)\b\w\w+\b"
ANALYZERS = ("char_wb", "char", "word")
SHORT = reprlib.Repr()
SHORT.maxstring = SHORT.maxother = 80
TERM_BYTES_MAX = 2**32 - 1  # `term_ends` are 32-bit offsets


@dataclass
class Vectorizer:
    """What the artifact says of one vectorizer: its manifest entry, its terms in column order, its tensors."""

    manifest: dict
    terms: list
    tensors: dict


def read_vectorizer(step: str, vectorizer: TfidfVectorizer) -> Vectorizer:
    """Read a fitted vectorizer; tensors are named without their `vectorizer.<i>.` prefix."""
    if type(vectorizer) is not TfidfVectorizer:
        raise refusal(step, vectorizer, "this step is not supported")
    analyzer = _analyzer(step, vectorizer)
    if not hasattr(vectorizer, "vocabulary_") or not hasattr(vectorizer, "_tfidf"):
        raise refusal(step, vectorizer, "is not fitted")
    # The inner transformer is what runs: parameters that were set on the outer object after the fit have no effect.
    tfidf = vectorizer._tfidf
    try:
        check_is_fitted(vectorizer)
        idf = np.asarray(tfidf.idf_) if tfidf.use_idf else None
    except (NotFittedError, AttributeError):
        raise refusal(step, vectorizer, "is not fitted (it has no idf)") from None
    if idf is None and hasattr(tfidf, "idf_"):
        raise refusal(step, vectorizer, "use_idf was changed after the fit")
    if tfidf.norm not in ("l1", "l2", None):
        raise refusal(step, vectorizer, f"norm={tfidf.norm!r} is not supported")

    ngram_range = _ngram_range(step, vectorizer)
    terms = _terms(step, vectorizer)
    tensors = _term_tensors(step, vectorizer, terms)
    if idf is not None:
        tensors["idf"] = _idf_tensor(step, vectorizer, idf, len(terms))
    manifest = {
        "kind": "vocabulary",
        "analyzer": analyzer,
        "ngram_range": ngram_range,
        "lowercase": bool(vectorizer.lowercase),
        "token_pattern": DEFAULT_TOKEN_PATTERN if analyzer == "word" else None,
        "binary": bool(vectorizer.binary),
        "sublinear_tf": bool(tfidf.sublinear_tf),
        "idf": idf is not None,
        "norm": tfidf.norm,
        "features": len(terms),
    }
    return Vectorizer(manifest, terms, tensors)


def to_presence(step: str, classifier: object, vectorizer: Vectorizer) -> None:
    """Replace values by whether they are above zero, which is whether the term is there."""
    idf = vectorizer.tensors.pop("idf", None)
    if idf is not None and not (idf > 0).all():
        raise refusal(step, classifier, "binarize: an idf that is not above zero makes values that are not either")
    vectorizer.manifest.update(binary=True, sublinear_tf=False, idf=False, norm=None)


def _analyzer(step, vectorizer):
    """The analyzer's name, once nothing is in the way of its having scikit-learn's own meaning."""

    def check(parameter, fine):
        if not fine:
            # Shortened in the middle: a list of stop words may be long.
            raise refusal(
                step, vectorizer, f"{parameter}={SHORT.repr(getattr(vectorizer, parameter))} is not supported"
            )

    check("analyzer", isinstance(vectorizer.analyzer, str) and vectorizer.analyzer in ANALYZERS)
    check("preprocessor", vectorizer.preprocessor is None)
    check("input", vectorizer.input == "content")
    check("strip_accents", not vectorizer.strip_accents)
    check("dtype", np.dtype(vectorizer.dtype) == np.float64)
    if vectorizer.analyzer == "word":  # scikit-learn ignores these three for the other analyzers
        check("tokenizer", vectorizer.tokenizer is None)
        check("stop_words", vectorizer.stop_words is None)
        check("token_pattern", vectorizer.token_pattern == DEFAULT_TOKEN_PATTERN)
    return str(vectorizer.analyzer)


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
