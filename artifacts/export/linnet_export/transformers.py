"""What stands between texts and classifier: vectorizers side by side, and the transformers behind them."""

from __future__ import annotations

import numpy as np
from sklearn import feature_selection
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfTransformer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import MaxAbsScaler, Normalizer, StandardScaler

from .classifier import best_estimator
from .errors import refusal
from .vectorizer import Vectorizer, read_norm, read_tfidf, read_vectorizer

SELECTORS = (
    feature_selection.SelectKBest,
    feature_selection.SelectPercentile,
    feature_selection.SelectFpr,
    feature_selection.SelectFdr,
    feature_selection.SelectFwe,
    feature_selection.GenericUnivariateSelect,
    feature_selection.SelectFromModel,
    feature_selection.VarianceThreshold,
)


def read_vectorizers(step: str, estimator: object) -> list[Vectorizer]:
    """What a step makes of texts: one vectorizer, or those of a FeatureUnion side by side."""
    estimator = best_estimator(estimator)
    if type(estimator) is Pipeline:
        from .pipeline import flat_steps

        (name, first), *others = flat_steps(estimator)
        vectorizers = read_vectorizers(name, first)
        for name, other in others:
            read_transformer(name, other, vectorizers)
        return vectorizers
    if type(estimator) is FeatureUnion:
        return _read_union(step, estimator)
    if not isinstance(estimator, (CountVectorizer, HashingVectorizer)):
        raise refusal(step, estimator, "this step is not supported here (a vectorizer is)")
    return [read_vectorizer(step, estimator)]


def _read_union(step, union):
    vectorizers = []
    for name, part in union.transformer_list:
        if isinstance(part, str) and part == "drop":
            continue
        weight = (union.transformer_weights or {}).get(name)
        for vectorizer in read_vectorizers(name, part):
            if weight is not None:
                vectorizer.scale(np.full(len(vectorizer.columns), float(weight)))
            vectorizers.append(vectorizer)
    if not vectorizers:
        raise refusal(step, union, "transformer_list: nothing is left of it")
    return vectorizers


def read_transformer(step: str, estimator: object, vectorizers: list[Vectorizer]) -> None:
    """What a transformer does to the columns of all vectorizers, one behind the other."""
    kind = type(estimator)
    if kind in SELECTORS:
        _select(_fitted(step, estimator, lambda: estimator.get_support(indices=True)), vectorizers)
    elif kind is MaxAbsScaler:
        if getattr(estimator, "clip", False):
            raise refusal(step, estimator, "clip=True is not supported")
        _scale(1.0 / _fitted(step, estimator, lambda: estimator.scale_), vectorizers)
    elif kind is StandardScaler:
        if estimator.with_mean:
            raise refusal(step, estimator, "with_mean=True is not supported")
        scale = _fitted(step, estimator, lambda: estimator.scale_)
        if scale is not None:
            _scale(1.0 / scale, vectorizers)
    elif kind is Normalizer:
        read_norm(step, estimator, _only(step, estimator, vectorizers))
    elif kind is TfidfTransformer:
        read_tfidf(step, estimator, estimator, _only(step, estimator, vectorizers))
    else:
        raise refusal(step, estimator, "this step is not supported between the vectorizer and the classifier")


def _fitted(step, estimator, ask):
    try:
        return ask()
    except (AttributeError, ValueError):
        raise refusal(step, estimator, "is not fitted") from None


def _only(step, estimator, vectorizers):
    if len(vectorizers) > 1:
        raise refusal(step, estimator, f"norm={estimator.norm!r}: over several vectorizers this step is not supported")
    return vectorizers[0]


def _select(indices, vectorizers):
    begin = 0
    for vectorizer in vectorizers:
        end = begin + len(vectorizer.columns)
        vectorizer.select(indices[(indices >= begin) & (indices < end)] - begin)
        begin = end


def _scale(factors, vectorizers):
    begin = 0
    for vectorizer in vectorizers:
        end = begin + len(vectorizer.columns)
        vectorizer.scale(factors[begin:end])
        begin = end
