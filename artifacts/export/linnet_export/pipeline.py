"""A fitted Pipeline, step by step, as the parts of an artifact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import Pipeline

from .classifier import Classifier, best_estimator, read_classifier
from .cleaner import TextCleaner, read_cleaner
from .errors import ExportError, refusal
from .vectorizer import Vectorizer, read_vectorizer, to_presence


@dataclass
class Model:
    """The parts of a pipeline that the format can hold. `classifier_step` is the last step's name, for messages."""

    pipeline: Pipeline
    cleaner: Optional[dict]
    vectorizers: list[Vectorizer]
    classifier: Classifier
    classifier_step: str
    estimator: object

    @property
    def terms(self) -> list:
        """All terms, in column order."""
        return [term for vectorizer in self.vectorizers for term in vectorizer.terms]

    def transform(self, texts: list):
        """The feature vectors of texts, one a row."""
        return self.pipeline[:-1].transform(texts)

    def tensors(self) -> dict:
        """The model's tensors by their full names (the character tables apart)."""
        named = {}
        for index, vectorizer in enumerate(self.vectorizers):
            named.update({f"vectorizer.{index}.{name}": values for name, values in vectorizer.tensors.items()})
        named.update({f"classifier.{name}": values for name, values in self.classifier.tensors.items()})
        return named


def read_pipeline(pipeline: object, labels: Optional[list] = None) -> Model:
    """Take a fitted `Pipeline([cleaner,] vectorizer, classifier)` apart, or refuse it by its first obstacle."""
    pipeline = best_estimator(pipeline)
    if type(pipeline) is not Pipeline:
        kind = type(pipeline)
        raise ExportError(f"expected a fitted sklearn.pipeline.Pipeline, got {kind.__module__}.{kind.__qualname__}")
    steps = [(name, step) for name, step in pipeline.steps if step is not None and step != "passthrough"]
    cleaner = None
    if steps and isinstance(steps[0][1], TextCleaner):
        cleaner = read_cleaner(*steps.pop(0))
    for index, (name, step) in enumerate(steps):
        if index == 0 and not isinstance(step, TfidfVectorizer):
            raise refusal(name, step, "this step is not supported here (a TfidfVectorizer is)")
        if 0 < index < len(steps) - 1:
            raise refusal(name, step, "this step is not supported between the vectorizer and the classifier")
    if len(steps) < 2:
        raise ExportError("the pipeline needs a TfidfVectorizer and a classifier after it")
    vectorizer = read_vectorizer(*steps[0])
    name, estimator = steps[-1][0], best_estimator(steps[-1][1])
    classifier = read_classifier(name, estimator, len(vectorizer.terms), labels)
    if classifier.presence:
        to_presence(name, estimator, vectorizer)
    return Model(pipeline, cleaner, [vectorizer], classifier, name, estimator)
