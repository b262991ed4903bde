"""Probe texts: what the server scores before it calls itself ready, with the pipeline's own answers."""

from __future__ import annotations

import numpy as np

from .errors import ExportError
from .labels import label_scalar
from .probability import choose_probability

TOLERANCE = 1e-9  # of a decision value or a probability; on decision values times max(1, sum of |weight * value|)
MAGNITUDE_MIN = 100  # times the decision value: terms up to here do not come near the tolerance by rounding

# Each line is here for one rule of the text handling that a server could get wrong.
HARD_TEXTS = (
    "",
    " \t\n\r\x1c\x85\xa0\u2028\u3000 ",
    "x",
    "İSTANBUL ΟΔΥΣΣΕΥΣ ΣΑΣ'Σ ß ẞ ﬁn \u212aelvin ſo ı",
    "cafe\u0301 na\u00efve हिन्दी 日本語の文 한국어 🙂👍🏽",
    "nul \x00 in\tthe \x0b middle\x1f of _words_ 12 ² ½ ٣٤",
    "Don't stop; it's the server's https://example.org/path?x=1&y=2 link, isn't it?",
    "the the the and and of THE",
)
# For a model that hashes its n-grams, and so has none to choose texts from.
PLAIN_TEXTS = (
    "A small library that predicts the weather from old letters",
    "Two cups of flour, a pinch of salt; bake it for 30 minutes!",
    "The ferry leaves the harbour at 7:45 in the morning",
    "Segmenting cracks in concrete from drone images, with uncertainty maps",
)
TERMS_PER_TEXT = 12
ROWS_MAX = 4  # heaviest terms of this many rows: a model with 300 classes needs no 300 probes
SPREAD_TEXTS = 4


def choose_texts(terms: list, coef) -> list:
    """Texts for a model whose user names none: the fixed hard ones, and texts made of the model's own terms."""
    texts = list(HARD_TEXTS)
    if not terms:
        return list(dict.fromkeys([*texts, *PLAIN_TEXTS]))
    step = max(1, len(terms) // (SPREAD_TEXTS * TERMS_PER_TEXT))
    for index in range(SPREAD_TEXTS):
        texts.append(" ".join(terms[index * step :: step * SPREAD_TEXTS][:TERMS_PER_TEXT]))
    for row in coef[:ROWS_MAX, : len(terms)]:
        heaviest = np.argsort(-np.abs(row), kind="stable")[:TERMS_PER_TEXT]
        texts.append(" ".join(terms[column] for column in heaviest))
    return list(dict.fromkeys(texts))


def check_texts(texts: object) -> list:
    """Texts that the user gave, or why they cannot be probes."""
    if isinstance(texts, (str, bytes)):
        raise ExportError("probe_texts: expected a list of texts, got a single one")
    texts = list(texts)
    if not texts:
        raise ExportError("probe_texts: at least one text is needed")
    for index, text in enumerate(texts):
        if not isinstance(text, str) or any("\ud800" <= character <= "\udfff" for character in text):
            raise ExportError(f"probe_texts[{index}]: not a text (a str without lone surrogates)")
    return texts


def answer(model, texts: list) -> list:
    """The pipeline's answers to the texts, as the manifest's list; settles the model's probability kind.

    A text that gets probabilities that are not finite is left out: only an older scikit-learn has such answers (it
    divides 0 by 0 where a newer one calls all classes equally likely).
    """
    pipeline, classifier = model.pipeline, model.classifier
    multilabel = classifier.manifest.get("multilabel", False)
    try:
        vectors = model.transform(texts)
        decision = classifier.decide(vectors)
        predicted = pipeline.predict(texts)
        choose_probability(model.classifier_step, model.estimator, classifier, classifier.decide, vectors)
        has_shares = classifier.manifest["probability"] is not None
        shares = pipeline.predict_proba(texts).tolist() if has_shares else [None] * len(texts)
    except ExportError:
        raise
    except Exception as error:  # whatever a pipeline raises, for example one that another scikit-learn fitted
        raise ExportError(f"the pipeline itself fails on the probe texts: {type(error).__name__}: {error}") from error
    answers = []
    for text, values, label, share in zip(texts, decision, predicted, shares):
        if share is not None and not np.isfinite(share).all():
            continue
        probe = {"text": text, "decision": values.tolist()}
        if multilabel:
            probe["labels"] = [name for name, has in zip(classifier.classes, label) if has]
        else:
            probe["label"] = label_scalar(label)
        answers.append({**probe, "probabilities": share})
    return answers


def add_magnitudes(probes: list, scales: list) -> bool:
    """Note the sums of |weight * value| where they are far above the decision values: large terms that cancel.

    Returns whether there was anything to note.
    """
    noted = False
    for probe, scale in zip(probes, scales):
        shown = np.maximum(1, np.abs(probe["decision"]))
        if (np.asarray(scale) > MAGNITUDE_MIN * shown).any():
            probe["magnitudes"] = scale
            noted = True
    return noted
