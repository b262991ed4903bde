"""Make the golden models and scikit-learn's answers to the golden texts.

    python tests/golden/make_goldens.py          writes tests/golden/<model>/1/ and tests/golden/<model>/expected.jsonl

The multilabel model's answers are in `answers.jsonl`: a test asks for them over HTTP.

Needs the pinned environment (tests/python/requirements.txt, CPython 3.11) and `linnet_export`. The answers for the
shipped model come from scikit-learn too: its pipeline is put together again from the weights of `artifacts/tagifai/1`,
so that neither the data set nor a new training is needed.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import sklearn
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline
from sklearn.svm import LinearSVC

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
sys.path[:0] = [str(HERE), str(REPOSITORY / "artifacts" / "export")]

from golden_texts import hard_texts, spelled_out, tagifai_texts, training_set  # noqa: E402
from linnet_export import TextCleaner, export  # noqa: E402
from linnet_export.labels import label_scalar  # noqa: E402
from linnet_export.reference import Artifact  # noqa: E402

SCIKIT_LEARN, PYTHON = "1.9.1", (3, 11)
SEED = 1234

# Labels of every type; the strings have what JSON and URLs must escape.
NAMES = {"kitchen": 'kitchen "küche"', "harbour": "ΛΙΜΆΝΙ\n⚓", "workshop": "work\\shop/é"}
BINARY = {"kitchen": False, "harbour": True, "workshop": False}
NUMBERS = {"kitchen": -7, "harbour": 0, "workshop": 9_007_199_254_740_993}
SIGNS = {"kitchen": 0, "harbour": 1, "workshop": 1}

MODELS = {
    "char": (
        NAMES,
        TfidfVectorizer(analyzer="char", ngram_range=(1, 4), max_df=0.5),
        SGDClassifier(loss="log_loss", random_state=SEED),
    ),
    "char_wb": (
        NAMES,
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True),
        LogisticRegression(C=20.0),
    ),
    "char_wb_long": (  # most words are shorter than the shortest n-gram
        NUMBERS,
        TfidfVectorizer(analyzer="char_wb", ngram_range=(6, 7), norm=None),
        SGDClassifier(loss="log_loss", random_state=SEED),
    ),
    "word": (
        NAMES,
        TfidfVectorizer(analyzer="word", ngram_range=(1, 2), norm="l1", smooth_idf=False),
        SGDClassifier(loss="hinge", random_state=SEED),
    ),
    "char_case": (
        SIGNS,
        TfidfVectorizer(analyzer="char", ngram_range=(1, 3), lowercase=False, norm=None, use_idf=False),
        SGDClassifier(loss="log_loss", random_state=SEED),
    ),
    "word_binary": (
        BINARY,
        TfidfVectorizer(analyzer="word", ngram_range=(1, 3), binary=True, lowercase=False),
        LogisticRegression(C=20.0),
    ),
    "char_wb_sparse": (  # twelve classes with few weights each
        None,
        TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4)),
        LinearSVC(penalty="l1", dual=False, random_state=SEED),
    ),
}


def main() -> None:
    """Write everything anew."""
    if sklearn.__version__ != SCIKIT_LEARN or sys.version_info[:2] != PYTHON:
        raise SystemExit(f"needs scikit-learn {SCIKIT_LEARN} on CPython {PYTHON}: other ones have other answers")
    texts, names = training_set()
    for model, (labels, vectorizer, classifier) in MODELS.items():
        pipeline = Pipeline([("tfidf", vectorizer), ("classifier", classifier)])
        targets = [f"{place % 12}" if labels is None else labels[name] for place, name in enumerate(names)]
        pipeline.fit(texts, np.array(targets))
        shutil.rmtree(HERE / model, ignore_errors=True)
        export(pipeline, HERE / model / "1")
        write_expected(model, pipeline, hard_texts() + underflowing_texts(pipeline, texts))
    make_multilabel(texts, names)
    (HERE / "tagifai").mkdir(exist_ok=True)
    write_expected("tagifai", rebuild(REPOSITORY / "artifacts" / "tagifai" / "1"), tagifai_texts())


def make_multilabel(texts: list, names: list) -> None:
    """A model whose texts have none, some or all of three labels, and its answers."""
    labels = ["kitchen", 'not "ASCII"', "Ω"]
    target = np.array([[name == "kitchen", not text.isascii(), name != "harbour"] for text, name in zip(texts, names)])
    vectorizer = TfidfVectorizer(token_pattern=r"(?u)\b\w+\b", ngram_range=(1, 2), max_features=200)
    pipeline = Pipeline([("tfidf", vectorizer), ("classifier", OneVsRestClassifier(LogisticRegression(C=20.0)))])
    pipeline.fit(texts, target.astype(int))
    shutil.rmtree(HERE / "multilabel", ignore_errors=True)
    export(pipeline, HERE / "multilabel" / "1", labels=labels)
    asked = ["", *texts[:40], "kitchen", "日本語 İstanbul"]
    with open(HERE / "multilabel" / "answers.jsonl", "w", encoding="ascii", newline="\n") as file:
        for text, row, shares in zip(asked, pipeline.predict(asked), pipeline.predict_proba(asked)):
            tags = [label for label, holds in zip(labels, row) if holds]
            line = {"text": text, "tags": tags, "probabilities": dict(zip(labels, shares.tolist()))}
            file.write(json.dumps(line, allow_nan=False) + "\n")


def underflowing_texts(pipeline: Pipeline, texts: list) -> list:
    """For a model without a norm: a text so negative in every row that all its logistic values are zero.

    scikit-learn then calls all classes equally likely.
    """
    if pipeline.named_steps["tfidf"].norm is not None or len(pipeline.classes_) == 2:
        return []
    words = sorted({f" {word} " for text in texts for word in text.split()})
    highest = pipeline.decision_function(words).max(axis=1)
    return [[[words[int(highest.argmin())], 100_000]]]


def rebuild(directory: Path) -> Pipeline:
    """The scikit-learn pipeline with an artifact's weights."""
    artifact = Artifact(directory)
    about, cleaner = artifact.vectorizer, artifact.pipeline["cleaner"]
    vectorizer = TfidfVectorizer(
        analyzer=about["analyzer"],
        ngram_range=tuple(about["ngram_range"]),
        lowercase=about["lowercase"],
        norm=about["norm"],
        vocabulary=list(artifact.column),
    )
    vectorizer.idf_ = artifact.tensors["vectorizer.0.idf"]
    classifier = SGDClassifier(loss="log_loss")
    classifier.classes_ = np.array(artifact.pipeline["classes"])
    classifier.coef_ = artifact.tensors["classifier.coef"]
    classifier.intercept_ = artifact.tensors["classifier.intercept"]
    clean = TextCleaner(lower=cleaner["lower"], stop_words=cleaner["stop_words"])
    return Pipeline([("clean", clean), ("tfidf", vectorizer), ("classifier", classifier)])


def write_expected(model: str, pipeline: Pipeline, texts: list) -> None:
    """One line a text: its parts, and what scikit-learn says."""
    documents = [spelled_out(parts) for parts in texts]
    decision = pipeline.decision_function(documents).reshape(len(documents), -1).tolist()
    labels = [label_scalar(label) for label in pipeline.predict(documents)]
    has_shares = hasattr(pipeline, "predict_proba")
    shares = pipeline.predict_proba(documents).tolist() if has_shares else [None] * len(documents)
    with open(HERE / model / "expected.jsonl", "w", encoding="ascii", newline="\n") as file:
        for parts, values, label, share in zip(texts, decision, labels, shares):
            line = {"parts": parts, "decision": values, "label": label, "probabilities": share}
            file.write(json.dumps(line, allow_nan=False) + "\n")
    print(f"{model}: {len(texts)} texts, labels {sorted(set(map(str, labels)))}")


if __name__ == "__main__":
    main()
