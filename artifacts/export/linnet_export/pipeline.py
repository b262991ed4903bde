"""A fitted Pipeline, step by step, as the parts of an artifact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import numpy as np
from sklearn.pipeline import Pipeline

from .accents import accent_tables
from .classifier import Classifier, best_estimator, read_classifier
from .cleaner import TextCleaner, read_cleaner
from .errors import ExportError, refusal
from .transformers import read_transformer, read_vectorizers
from .vectorizer import Vectorizer


@dataclass
class Model:
    """The parts of a pipeline that the format can hold. `steps` are its steps one after the other, named."""

    pipeline: Pipeline
    cleaner: Optional[dict]
    vectorizers: list[Vectorizer]
    classifier: Classifier
    steps: list

    @property
    def classifier_step(self) -> str:
        """The last step's name, for messages."""
        return self.steps[-1][0]

    @property
    def estimator(self) -> object:
        """The last step."""
        return best_estimator(self.steps[-1][1])

    @property
    def terms(self) -> list:
        """All terms, in column order; a hashing vectorizer has none."""
        return [term for vectorizer in self.vectorizers for term in vectorizer.terms]

    def transform(self, texts: list):
        """The feature vectors of texts, one a row."""
        for _, step in self.steps[:-1]:
            texts = step.transform(texts)
        return texts

    def tensors(self) -> dict:
        """The model's tensors by their full names (the character tables apart)."""
        named = {}
        for index, vectorizer in enumerate(self.vectorizers):
            named.update({f"vectorizer.{index}.{name}": values for name, values in vectorizer.tensors.items()})
        for kind in {vectorizer.manifest.get("strip_accents") for vectorizer in self.vectorizers} - {None}:
            named.update({f"characters.accents_{kind}.{name}": rows for name, rows in accent_tables(kind).items()})
        named.update({f"classifier.{name}": values for name, values in self.classifier.tensors.items()})
        return named


def read_pipeline(pipeline: object, labels: Optional[list] = None) -> Model:
    """Take a fitted `Pipeline([cleaner,] vectorizer, [transformers,] classifier)` apart, or name its first obstacle."""
    pipeline = best_estimator(pipeline)
    if type(pipeline) is not Pipeline:
        kind = type(pipeline)
        raise ExportError(f"expected a fitted sklearn.pipeline.Pipeline, got {kind.__module__}.{kind.__qualname__}")
    steps = flat_steps(pipeline)
    parts = list(steps)
    cleaner = None
    if parts and isinstance(parts[0][1], TextCleaner):
        cleaner = read_cleaner(*parts.pop(0))
    if len(parts) == 1:
        read_vectorizers(*parts[0])  # most likely says what is missing in front
    if len(parts) < 2:
        raise ExportError("the pipeline needs a vectorizer and a classifier after it")
    vectorizers = read_vectorizers(*parts[0])
    for name, step in parts[1:-1]:
        read_transformer(name, step, vectorizers)
    name, estimator = parts[-1][0], best_estimator(parts[-1][1])
    columns = sum(len(vectorizer.columns) for vectorizer in vectorizers)
    classifier = read_classifier(name, estimator, columns, labels)
    if classifier.presence and not all([vectorizer.to_presence() for vectorizer in vectorizers]):
        raise refusal(name, estimator, "binarize: values above zero are not those of the n-grams that are there")
    fold(classifier, vectorizers)
    return Model(pipeline, cleaner, vectorizers, classifier, steps)


def flat_steps(pipeline: Pipeline) -> list:
    """The steps, those of pipelines within it included, without those that do nothing."""
    steps = []
    for name, step in pipeline.steps:
        step = best_estimator(step)
        if type(step) is Pipeline:
            steps += flat_steps(step)
        elif step is not None and not (isinstance(step, str) and step == "passthrough"):
            steps.append((name, step))
    return steps


def fold(classifier: Classifier, vectorizers: list) -> None:
    """Give every feature its weight: what was multiplied in on the way is folded in, and what was dropped has 0."""
    begin, spread = 0, []
    for vectorizer in vectorizers:
        end = begin + len(vectorizer.columns)
        spread.append(vectorizer.spread(classifier.tensors["coef"][:, begin:end]))
        vectorizer.finish()
        begin = end
    classifier.tensors["coef"] = np.hstack(spread)
