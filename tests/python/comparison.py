"""`linnet predict` held to scikit-learn, with the tolerances of the format: labels, scores, probabilities."""

from __future__ import annotations

import json
import subprocess

import numpy as np
from linnet_export.classifier import best_estimator
from linnet_export.labels import label_scalar
from linnet_export.pipeline import flat_steps
from sklearn.multiclass import OneVsRestClassifier

TOLERANCE = 1e-9


def predict(binary, directory, lines):
    """Run `linnet predict`; the finished process."""
    command = [binary, "predict", "--model", str(directory)]
    return subprocess.run(command, input=b"".join(line + b"\n" for line in lines), capture_output=True)


def answers_of(binary, directory, texts):
    """What the binary answers to each text."""
    # Unescaped, so that raw U+2028 and U+0085 cross the line reader.
    run = predict(binary, directory, [json.dumps({"text": text}, ensure_ascii=False).encode() for text in texts])
    assert (run.returncode, run.stderr) == (0, b""), run.stderr[-500:]
    answers = [json.loads(line) for line in run.stdout.removesuffix(b"\n").split(b"\n")]
    assert len(answers) == len(texts)
    return answers


def check(binary, directory, pipeline, texts, names=None):
    """Every answer of the binary is scikit-learn's; the largest difference of scores (of their scale) and shares."""
    answers = answers_of(binary, directory, texts)
    pipeline = best_estimator(pipeline)
    steps = [step for _, step in flat_steps(pipeline)]
    vectors, classifier = texts, best_estimator(steps[-1])
    for step in steps[:-1]:
        vectors = step.transform(vectors)
    labels = [label_scalar(label) for label in classifier.classes_] if names is None else names
    keys = [str(label) for label in labels]
    predicted = classifier.predict(vectors)
    multilabel = np.ndim(predicted) == 2
    decision = shares = None
    scales = np.ones((len(texts), 1))
    if hasattr(classifier, "decision_function"):
        decision = np.asarray(classifier.decision_function(vectors)).reshape(len(texts), -1)
        scales = np.maximum(1, abs(vectors) @ abs(coefficients(classifier)).T)
    if hasattr(classifier, "predict_proba"):
        with np.errstate(invalid="ignore"):
            shares = classifier.predict_proba(vectors)
    parts = ["labels" if multilabel else "label"] + ["scores"] * (decision is not None)
    parts += ["probabilities"] * (shares is not None)
    worst = [0.0, 0.0]
    for i, (text, answer) in enumerate(zip(texts, answers)):
        where = ascii(text[:80])
        assert list(answer) == parts, where
        if decision is not None:
            assert list(answer["scores"]) == (keys if decision.shape[1] > 1 else keys[1:]), where
            off = abs(np.array(list(answer["scores"].values())) - decision[i]) / scales[i]
            assert (off <= TOLERANCE).all(), (where, answer["scores"], decision[i])
            worst[0] = max(worst[0], off.max())
        if shares is not None and np.isfinite(shares[i]).all():
            assert list(answer["probabilities"]) == keys, where
            off = abs(np.array(list(answer["probabilities"].values()), dtype=float) - shares[i])
            assert (off <= TOLERANCE).all(), (where, answer["probabilities"], shares[i])
            worst[1] = max(worst[1], off.max())
        values, threshold = (decision[i], 0) if decision is not None else (shares[i], 0.5)
        gaps = margins(values, threshold, multilabel)
        certain = all(gap == 0 or gap > TOLERANCE * scales[i].max() for gap in gaps)
        if not certain:
            continue
        if multilabel:
            assert answer["labels"] == [label for label, has in zip(labels, predicted[i]) if has], where
        else:
            wanted = label_scalar(predicted[i])
            assert answer["label"] == wanted and type(answer["label"]) is type(wanted), (where, answer, values)
    return worst


def margins(values, threshold, multilabel):
    """How far the label, or each of several, is from falling otherwise."""
    if multilabel or len(values) == 1:
        return abs(np.asarray(values) - threshold)
    ranked = np.sort(values)
    return [ranked[-1] - ranked[-2]]


def coefficients(classifier):
    """The weights behind the decision values."""
    if isinstance(classifier, OneVsRestClassifier):
        width = classifier.n_features_in_
        rows = [best_estimator(one) for one in classifier.estimators_]
        return np.vstack([one.coef_ if hasattr(one, "coef_") else np.zeros((1, width)) for one in rows])
    coef = classifier.coef_.toarray() if hasattr(classifier.coef_, "toarray") else classifier.coef_
    return np.atleast_2d(coef)
