"""Damaged manifests and tensors of every kind: the server names the defect in one line, and does not crash.

Needs `LINNET_BIN`.
"""

from __future__ import annotations

import hashlib
import json
import shutil

import numpy as np
import pytest
from comparison import predict
from conftest import NAMES, TEXTS
from linnet_export import export
from linnet_export.tensors import read_tensors, write_tensors
from sklearn.calibration import CalibratedClassifierCV
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfTransformer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.svm import LinearSVC


@pytest.fixture(scope="session")
def sound(tmp_path_factory):
    """Three artifacts that have, between them, every key and tensor of the format."""
    pattern = Pipeline(
        [
            ("count", CountVectorizer(token_pattern=r"[a-z]+\b", strip_accents="ascii", stop_words=["the"])),
            ("tfidf", TfidfTransformer(norm="l1")),
            ("again", TfidfTransformer()),
        ]
    )
    hashed = HashingVectorizer(n_features=32, strip_accents="unicode", analyzer="char", norm=None)
    vectorizers = FeatureUnion([("pattern", pattern), ("hashed", hashed)])
    folder, made = tmp_path_factory.mktemp("sound"), {}
    for method in ("sigmoid", "isotonic"):
        classifier = CalibratedClassifierCV(LinearSVC(), cv=2, method=method)
        pipeline = Pipeline([("all", vectorizers), ("classifier", classifier)]).fit(TEXTS, NAMES)
        made[method] = export(pipeline, folder / method)
    classifier = LinearSVC(penalty="l1", dual=False, random_state=0)
    pipeline = Pipeline([("count", CountVectorizer()), ("classifier", classifier)])
    made["sparse"] = export(pipeline.fit(TEXTS, np.arange(len(TEXTS)) % 12), folder / "sparse")
    return made


def setting(*path, value):
    """Replaces a value of the manifest's pipeline."""

    def change(pipeline, tensors):
        for key in path[:-1]:
            pipeline = pipeline[key]
        pipeline[path[-1]] = value

    return change


def tensor(name, value):
    """Replaces a tensor by what `value` makes of it."""

    def change(pipeline, tensors):
        tensors[name] = value(tensors[name].copy())

    return change


def put(index, value):
    """A tensor with another value at one place."""

    def change(values):
        values.flat[index] = value
        return values

    return change


FIRST, SECOND, LAST = ("vectorizers", 0), ("vectorizers", 1), ("classifier",)
PROGRAM = "vectorizer.0.token_pattern.program"
DEFECTS = {
    "kind": (setting(*FIRST, "kind", value="magic"), "magic"),
    "accents": (setting(*FIRST, "strip_accents", value="latin"), "latin"),
    "accents that have no table": (setting(*FIRST, "strip_accents", value="unicode"), "accents_ascii.codes"),
    "stop words": (setting(*FIRST, "stop_words", value=[1]), "expected a string"),
    "stop words of characters": (setting(*SECOND, "stop_words", value=["a"]), "vectorizers[1].stop_words"),
    "pattern of characters": (setting(*SECOND, "token_pattern", value="x"), "vectorizers[1].token_pattern"),
    "no pattern": (setting(*FIRST, "token_pattern", value=None), "vectorizers[0].token_pattern"),
    "a pattern without program": (setting(*FIRST, "token_pattern", value=r"(?u)\b\w+\b"), "token_pattern.program"),
    "a sign for a vocabulary": (setting(*FIRST, "alternate_sign", value=True), "vectorizers[0].alternate_sign"),
    "no sign": (setting(*SECOND, "alternate_sign", value=None), "vectorizers[1].alternate_sign"),
    "logarithms of signs": (setting(*SECOND, "sublinear_tf", value=True), "vectorizers[1].sublinear_tf"),
    "too many columns": (setting(*SECOND, "features", value=2**31), "vectorizers[1].features"),
    "columns without weights": (setting(*SECOND, "features", value=33), "classifier.coef"),
    "long n-grams": (setting(*SECOND, "ngram_range", value=[1, 65]), "vectorizers[1].ngram_range"),
    "unknown key": (setting(*FIRST, "then", value=[{"scale": True}]), "missing field"),
    "further norm": (setting(*FIRST, "then", 0, "norm", value="l3"), "l3"),
    "one more scale": (
        lambda pipeline, _: pipeline["vectorizers"][0]["then"].append(dict(scale=True, norm=None, sublinear_tf=False)),
        "vectorizer.0.then.1.scale",
    ),
    "scale not finite": (tensor("vectorizer.0.then.0.scale", put(0, np.inf)), "then.0.scale"),
    "scale too short": (tensor("vectorizer.0.then.0.scale", lambda v: v[1:]), "then.0.scale"),
    "empty program": (tensor(PROGRAM, lambda v: v[:0]), "0 instructions"),
    "long program": (tensor(PROGRAM, lambda v: np.zeros((4097, 3), np.uint32)), "4097 instructions"),
    "unknown step": (tensor(PROGRAM, put(0, 9)), "instruction 0 is"),
    "a set that is not there": (tensor(PROGRAM, put(1, 99)), "instruction 0 is"),
    "a program without end": (tensor(PROGRAM, lambda v: v[:1]), "instruction 0 is"),
    "a program of pairs": (tensor(PROGRAM, lambda v: v[:, :2].copy()), PROGRAM),
    "sets that go back": (tensor("vectorizer.0.token_pattern.set_ends", put(0, 10**9)), "set 0 is not"),
    "ranges that go back": (tensor("vectorizer.0.token_pattern.sets", put(0, 0x10FFFF)), "set 0 "),
    "ranges left over": (tensor("vectorizer.0.token_pattern.set_ends", lambda v: v[:1]), "instruction"),
    "accents that go back": (tensor("characters.accents_ascii.codes", put(1, 0x80)), "accents_ascii"),
    "accents beyond the text": (tensor("characters.accents_unicode.ends", put(-1, 2**32 - 1)), "accents_unicode"),
    "accents within a character": (tensor("characters.accents_unicode.text", put(-1, 0xFF)), "accents_unicode"),
    "accents too few": (tensor("characters.accents_ascii.ends", lambda v: v[1:]), "accents_ascii"),
    "calibration missing": (setting(*LAST, "calibration", value=None), "classifier.probability"),
    "no members": (setting(*LAST, "calibration", "members", value=0), "calibration.members"),
    "members that overflow": (setting(*LAST, "calibration", "members", value=2**63), "classifier.rows"),
    "fewer members": (setting(*LAST, "calibration", "members", value=1), "classifier.rows"),
    "method": (setting(*LAST, "calibration", "method", value="magic"), "magic"),
    "another method": (setting(*LAST, "calibration", "method", value="isotonic"), "classifier.calibration.ends"),
    "decision values of a calibrated model": (setting(*LAST, "decision_function", value=True), "decision_function"),
    "softmax of several labels": (setting(*LAST, "multilabel", value=True), "probes.texts[0]"),
    "ties": (setting(*LAST, "ties", value="random"), "random"),
    "sums": (setting(*LAST, "zero_sum", value="random"), "random"),
    "slope not finite": (tensor("classifier.calibration.slope", put(0, np.nan)), "calibration.slope"),
    "slopes too few": (tensor("classifier.calibration.slope", lambda v: v[1:]), "calibration.slope"),
}
ISOTONIC = {
    "knots that go back": (tensor("classifier.calibration.x", put(1, -1e9)), "calibration.x"),
    "knots not finite": (tensor("classifier.calibration.y", put(0, np.inf)), "calibration.y"),
    "knots too few": (tensor("classifier.calibration.y", lambda v: v[1:]), "calibration.y"),
    "no knots": (tensor("classifier.calibration.ends", put(0, 0)), "calibration.ends"),
    "ends that go back": (tensor("classifier.calibration.ends", put(1, 1)), "calibration.ends"),
}
COEF = "classifier.coef"
SPARSE = {
    "storage": (setting(*LAST, "weights", value="magic"), "magic"),
    "dense after all": (setting(*LAST, "weights", value="dense"), COEF),
    "ends that are too few": (tensor(f"{COEF}.ends", lambda v: v[1:]), f"{COEF}.ends"),
    "ends of columns that go back": (tensor(f"{COEF}.ends", put(-2, 10**9)), f"{COEF}.ends"),
    "weights beyond the list": (tensor(f"{COEF}.ends", put(-1, 2**32 - 1)), f"{COEF}.rows"),
    "rows that are too many": (tensor(f"{COEF}.rows", lambda v: v[1:]), f"{COEF}.rows"),
    "a row that is not there": (tensor(f"{COEF}.rows", put(-1, 12)), f"{COEF}.rows"),
    "a far row": (tensor(f"{COEF}.rows", put(-1, 2**32 - 1)), f"{COEF}.rows"),
    "rows that do not ascend": (
        lambda _, tensors: tensors.update({f"{COEF}.rows": np.full_like(tensors[f"{COEF}.rows"], 3)}),
        "do not ascend",
    ),
    "values too few": (tensor(f"{COEF}.values", lambda v: v[1:]), f"{COEF}.values"),
    "values not finite": (tensor(f"{COEF}.values", put(1, np.nan)), "value 1 is NaN"),
}
CASES = {**{name: ("sigmoid", *case) for name, case in DEFECTS.items()}}
CASES.update({name: ("isotonic", *case) for name, case in ISOTONIC.items()})
CASES.update({name: ("sparse", *case) for name, case in SPARSE.items()})


@pytest.mark.parametrize("case", CASES)
def test_a_defect_is_named_in_one_line(case, sound, binary, tmp_path):
    method, change, fragment = CASES[case]
    directory = tmp_path / "model"
    shutil.copytree(sound[method], directory)
    manifest = json.loads((directory / "manifest.json").read_bytes())
    tensors = read_tensors(directory / "model.safetensors")
    change(manifest["pipeline"], tensors)
    write_tensors(directory / "model.safetensors", tensors)
    content = (directory / "model.safetensors").read_bytes()
    entry = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    manifest["files"]["model.safetensors"] = entry
    (directory / "manifest.json").write_text(json.dumps(manifest))
    run = predict(binary, directory, [b'{"text": "a"}'])
    assert (run.returncode, run.stdout) == (1, b"")
    assert fragment in run.stderr.decode() and run.stderr.count(b"\n") == 1, run.stderr


def test_the_sound_ones_are_sound(sound, binary):
    for directory in sound.values():
        assert predict(binary, directory, [b'{"text": "a"}']).returncode == 0
