"""`linnet predict` against scikit-learn itself: the same labels, scores and probabilities, on real and on hard texts.

Needs `LINNET_BIN`, the path of the binary. `LINNET_DATA` is the folder with the data set's `projects.csv` and
`tags.csv`; without it own texts stand in, and a warning says so.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import joblib
import pytest
from comparison import check, predict
from conftest import REPOSITORY, fit
from golden_texts import hard_texts, spelled_out, tagifai_texts
from linnet_export import TextCleaner, export
from make_goldens import MODELS, rebuild
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier

SHIPPED = REPOSITORY / "artifacts" / "tagifai" / "1"
TRAIN = REPOSITORY / "artifacts" / "export" / "train_tagifai.py"

PIPELINES = {
    **{name: dict(labels=labels, vectorizer=v, classifier=c) for name, (labels, v, c) in MODELS.items()},
    "cleaned softmax": dict(
        cleaner=TextCleaner(),
        vectorizer=TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 3)),
        classifier=LogisticRegression(C=10),
    ),
    "cleaned, case kept": dict(
        cleaner=TextCleaner(lower=False, stop_words=["the", "The", "don't", "2²"]),
        vectorizer=TfidfVectorizer(analyzer="char", ngram_range=(1, 3), norm="l1"),
    ),
    "one n": dict(
        vectorizer=TfidfVectorizer(analyzer="char_wb", ngram_range=(4, 4), sublinear_tf=True, binary=True),
        classifier=SGDClassifier(loss="perceptron", random_state=0),
    ),
    "long word n-grams": dict(
        vectorizer=TfidfVectorizer(ngram_range=(2, 5), smooth_idf=False, norm=None, sublinear_tf=True),
        classifier=LogisticRegression(),
        labels={"kitchen": "a", "harbour": "b", "workshop": "b"},
    ),
}


@pytest.fixture(scope="session")
def trained(data, tmp_path_factory):
    """A pipeline of the lesson's kind and its artifact: trained anew, or without the data the shipped one."""
    if data is None:
        return rebuild(SHIPPED), SHIPPED
    folder = tmp_path_factory.mktemp("trained")
    model, outdir = folder / "tagifai.joblib", folder / "tagifai" / "1"
    environment = {**os.environ, "PYTHONPATH": str(TRAIN.parent)}
    line = [sys.executable, TRAIN, "--projects", data[0], "--tags", data[1], "--joblib", model, outdir]
    subprocess.run(list(map(str, line)), env=environment, check=True)
    return joblib.load(model), outdir


def test_the_lessons_model(binary, trained, project_texts):
    pipeline, directory = trained
    check(binary, directory, pipeline, [*project_texts, *map(spelled_out, tagifai_texts())])


def test_the_shipped_model(binary, project_texts):
    check(binary, SHIPPED, rebuild(SHIPPED), [*project_texts, *map(spelled_out, tagifai_texts())])


@pytest.mark.parametrize("name", PIPELINES)
def test_other_pipelines(name, binary, project_texts, tmp_path):
    pipeline = fit(**PIPELINES[name])
    directory = export(pipeline, tmp_path / "model" / "1")
    check(binary, directory, pipeline, [*map(spelled_out, hard_texts()), *project_texts])


def test_a_bad_line_is_named_and_the_others_are_answered(binary):
    lines = [b'{"text": "image"}', b"not json", b'{"text": 5}', b"[]", b'{"other": "a"}', b'{"text": "text"}']
    run = predict(binary, SHIPPED, lines)
    answers = [json.loads(line) for line in run.stdout.removesuffix(b"\n").split(b"\n")]
    assert run.returncode == 1
    assert [next(iter(answer)) for answer in answers] == ["label", "error", "error", "error", "error", "label"]
    assert all(str(number) in run.stderr.decode() for number in (2, 3, 4, 5))
