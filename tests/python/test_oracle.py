"""`linnet predict` against scikit-learn itself: the same labels, scores and probabilities, on real and on hard texts.

Needs `LINNET_BIN`, the path of the binary. `LINNET_DATA` is the folder with the data set's `projects.csv` and
`tags.csv`; without it own texts stand in, and a warning says so.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings

import joblib
import numpy as np
import pytest
from conftest import REPOSITORY, fit
from golden_texts import PROJECTS, hard_texts, spelled_out, tagifai_texts
from linnet_export import TextCleaner, export
from linnet_export.labels import label_scalar
from make_goldens import MODELS, rebuild
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier

TOLERANCE = 1e-9
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
        cleaner=TextCleaner(lower=False, stop_words=["the", "The", "c++", ".", "'"]),
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
def binary():
    """The binary under test. Without it these tests fail: they would prove nothing."""
    path = os.environ.get("LINNET_BIN")
    if not path:
        pytest.fail("LINNET_BIN is not set: give the path of the binary `linnet` (cargo build --release)")
    if not os.access(path, os.X_OK):
        pytest.fail(f"LINNET_BIN={path} is not an executable file")
    return os.path.abspath(path)


@pytest.fixture(scope="session")
def data():
    """Paths of projects.csv and tags.csv, or None (said aloud) where own texts must do."""
    folder = os.environ.get("LINNET_DATA")
    if not folder:
        warnings.warn("LINNET_DATA is not set: own texts stand in for the 764 projects", stacklevel=1)
        return None
    paths = [os.path.join(folder, name) for name in ("projects.csv", "tags.csv")]
    missing = [path for path in paths if not os.path.isfile(path)]
    if missing:
        pytest.fail(f"LINNET_DATA={folder}: no file {', '.join(missing)}")
    return paths


@pytest.fixture(scope="session")
def project_texts(data):
    """The raw texts of the data set, or own ones of the same kind."""
    if data is None:
        return PROJECTS
    sys.path.insert(0, str(TRAIN.parent))
    from train_tagifai import read_projects

    texts, _ = read_projects(*data)
    assert len(texts) == 764
    return texts


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


def predict(binary, directory, lines):
    """Run `linnet predict`; the finished process."""
    command = [binary, "predict", "--model", str(directory)]
    return subprocess.run(command, input=b"".join(line + b"\n" for line in lines), capture_output=True)


def check(binary, directory, pipeline, texts):
    """Every answer of the binary is scikit-learn's."""
    # Unescaped, so that raw U+2028 and U+0085 cross the line reader.
    run = predict(binary, directory, [json.dumps({"text": text}, ensure_ascii=False).encode() for text in texts])
    assert (run.returncode, run.stderr) == (0, b"")
    answers = [json.loads(line) for line in run.stdout.removesuffix(b"\n").split(b"\n")]
    assert len(answers) == len(texts)

    labels = [label_scalar(label) for label in pipeline.classes_]
    names = [str(label) for label in labels]
    decision = pipeline.decision_function(texts).reshape(len(texts), -1)
    scored = names if decision.shape[1] > 1 else names[1:]
    shares = pipeline.predict_proba(texts) if hasattr(pipeline, "predict_proba") else None
    scales = np.maximum(1, abs(pipeline[:-1].transform(texts)) @ abs(pipeline[-1].coef_).T)
    predicted = [label_scalar(label) for label in pipeline.predict(texts)]
    for i, (text, answer) in enumerate(zip(texts, answers)):
        where = ascii(text[:80])
        assert list(answer) == ["label", "scores"] + ["probabilities"] * (shares is not None), where
        assert list(answer["scores"]) == scored, where
        got = np.array(list(answer["scores"].values()))
        assert (abs(got - decision[i]) <= TOLERANCE * scales[i]).all(), (where, got, decision[i])
        if shares is not None:
            assert list(answer["probabilities"]) == names, where
            assert np.allclose(list(answer["probabilities"].values()), shares[i], rtol=0, atol=TOLERANCE), where
        ranked = np.sort(decision[i] if len(scored) > 1 else [0.0, decision[i][0]])
        gap = ranked[-1] - ranked[-2]
        if gap == 0 or gap > TOLERANCE * scales[i].max():
            assert answer["label"] == predicted[i] and type(answer["label"]) is type(predicted[i]), where
        else:
            assert answer["label"] in labels, where


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
