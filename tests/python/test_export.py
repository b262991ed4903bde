"""The exporter: what it writes, that it writes all or nothing, and that the goldens follow from the files alone."""

from __future__ import annotations

import copy
import json
import os
import pickle
import re
import sys
import unicodedata

import numpy as np
import pytest
from conftest import GOLDEN, REPOSITORY, TEXTS, fit
from linnet_export import ExportError, TextCleaner, export
from linnet_export.characters import SURROGATES, character_tables
from linnet_export.reference import Artifact, Characters, difference
from linnet_export.weights import read_weights
from linnet_export.stop_words import NLTK_ENGLISH
from linnet_export.tensors import read_tensors, write_tensors
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier

# --- What is written. ---

EXACT = {
    "char_wb": dict(vectorizer=TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 3))),
    "char": dict(vectorizer=TfidfVectorizer(analyzer="char", ngram_range=(2, 3), norm=None, lowercase=False)),
    "word": dict(vectorizer=TfidfVectorizer(ngram_range=(1, 3), norm="l1", sublinear_tf=True)),
    "selection": dict(vectorizer=TfidfVectorizer(min_df=2, max_df=0.3, max_features=50)),
    "numpy ngram_range": dict(vectorizer=TfidfVectorizer(ngram_range=tuple(np.array([2, 3])))),
    "no smoothing": dict(vectorizer=TfidfVectorizer(smooth_idf=False, binary=True)),
    "no idf": dict(vectorizer=TfidfVectorizer(use_idf=False)),
    "own vocabulary": dict(vectorizer=TfidfVectorizer(vocabulary={"the": 1, "dough": 0, "Never": 2, "never seen": 3})),
    "char ignores word settings": dict(vectorizer=TfidfVectorizer(analyzer="char", token_pattern=None)),
    "cleaned": dict(cleaner=TextCleaner(), vectorizer=TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4))),
    "own stop words": dict(cleaner=TextCleaner(lower=False, stop_words=["the", "c_+_d", "ſ"])),
    "no stop words": dict(cleaner=TextCleaner(stop_words=None)),
    "hinge": dict(classifier=SGDClassifier(loss="hinge", random_state=0)),
    "averaged": dict(classifier=SGDClassifier(loss="log_loss", average=True, random_state=0)),
    "no intercept": dict(classifier=SGDClassifier(loss="perceptron", fit_intercept=False, random_state=0)),
    "softmax": dict(classifier=LogisticRegression()),
    "logistic without intercept": dict(classifier=LogisticRegression(fit_intercept=False)),
    "newton": dict(classifier=LogisticRegression(solver="newton-cg", C=50)),
    "saga": dict(classifier=LogisticRegression(solver="saga", max_iter=20)),
    "binary": dict(classifier=LogisticRegression(), labels={"kitchen": "no", "harbour": "yes", "workshop": "yes"}),
    "liblinear": dict(
        classifier=LogisticRegression(solver="liblinear"), labels={"kitchen": 0, "harbour": 1, "workshop": 1}
    ),
    "bool labels": dict(labels={"kitchen": True, "harbour": False, "workshop": True}),
    "int labels": dict(labels={"kitchen": -3, "harbour": 5, "workshop": 2**62}),
    "unicode labels": dict(labels={"kitchen": '"\\', "harbour": "🙂", "workshop": "\x00é\n\u2028-"}),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", EXACT)
def test_the_files_say_what_scikit_learn_says(case, tmp_path):
    pipeline = fit(**EXACT[case])
    artifact = Artifact(export(pipeline, tmp_path / "model" / "7"))
    vectorizer, classifier = pipeline.named_steps["tfidf"], pipeline.named_steps["classifier"]
    tensors, about = artifact.tensors, artifact.pipeline

    assert {term: int(column) for term, column in vectorizer.vocabulary_.items()} == artifact.column
    assert ("vectorizer.0.idf" in tensors) == vectorizer.use_idf == about["vectorizers"][0]["idf"]
    if vectorizer.use_idf:
        assert tensors["vectorizer.0.idf"].tobytes() == vectorizer.idf_.tobytes()
    weights = read_weights(about["classifier"], tensors, range(len(artifact.column)))
    assert np.array_equal(weights, classifier.coef_)
    assert np.array_equal(tensors["classifier.intercept"], np.ravel(classifier.intercept_))
    assert about["classes"] == classifier.classes_.tolist()
    assert list(map(type, about["classes"])) == list(map(type, classifier.classes_.tolist()))
    for name in ("analyzer", "lowercase", "binary", "sublinear_tf", "norm"):
        assert about["vectorizers"][0][name] == getattr(vectorizer, name)
    assert about["vectorizers"][0]["ngram_range"] == list(vectorizer.ngram_range)
    assert (artifact.manifest["name"], artifact.manifest["version"]) == ("model", "7")

    texts = [*TEXTS, *(text.upper() for text in TEXTS), "the Never never seen", "c_+_d . the. The"]
    decision = pipeline.decision_function(texts).reshape(len(texts), -1).tolist()
    shares = pipeline.predict_proba(texts).tolist() if hasattr(pipeline, "predict_proba") else [None] * len(texts)
    for text, *answer in zip(texts, decision, pipeline.predict(texts).tolist(), shares):
        expected = dict(zip(("decision", "label", "probabilities"), answer))
        assert difference(artifact.score(text), expected, 1e-9) is None, text


def test_probability_kinds(tmp_path):
    def kind(name, **parts):
        return Artifact(export(fit(**parts), tmp_path / name)).pipeline["classifier"]["probability"]

    two = {"kitchen": 0, "harbour": 1, "workshop": 1}
    assert kind("a", classifier=LogisticRegression()) == "softmax"
    assert kind("b", classifier=LogisticRegression(), labels=two) == "ovr_logistic"
    assert kind("c", classifier=SGDClassifier(loss="log_loss")) == "ovr_logistic"
    assert kind("d", classifier=SGDClassifier(loss="hinge")) is None


@pytest.mark.filterwarnings("ignore")
def test_probability_kinds_of_older_scikit_learn(tmp_path):
    if "multi_class" not in LogisticRegression().get_params():
        # The parameter is gone here: the kinds are held by a model that answers as the older ones do.
        pipeline = fit(classifier=LogisticRegression(), labels={"kitchen": 0, "harbour": 1, "workshop": 1})
        classifier = pipeline.named_steps["classifier"]
        softmax = lambda d: np.exp(d) / np.exp(d).sum(axis=1, keepdims=True)  # noqa: E731
        classifier.predict_proba = lambda X: softmax(
            np.c_[-classifier.decision_function(X), classifier.decision_function(X)]
        )
        several = None
    else:
        two = {"kitchen": 0, "harbour": 1, "workshop": 1}
        pipeline = fit(classifier=LogisticRegression(multi_class="multinomial"), labels=two)
        several = fit(classifier=LogisticRegression(multi_class="ovr"))
    probability = Artifact(export(pipeline, tmp_path / "two")).pipeline["classifier"]["probability"]
    assert probability == "softmax_binary"
    if several is not None:
        assert Artifact(export(several, tmp_path / "ovr")).pipeline["classifier"]["probability"] == "ovr_logistic"


def test_sparse_weights_are_the_same_weights(tmp_path):
    pipeline = fit()
    dense = pipeline.named_steps["classifier"].coef_.copy()
    pipeline.named_steps["classifier"].sparsify()
    assert np.array_equal(Artifact(export(pipeline, tmp_path / "m")).tensors["classifier.coef"], dense)


def test_weights_that_are_mostly_zero_are_listed_where_that_is_smaller(tmp_path):
    pipeline = fit()
    classifier = pipeline.named_steps["classifier"]
    rows, columns = classifier.coef_.shape
    few = np.zeros_like(classifier.coef_)
    few[:, ::7] = classifier.coef_[:, ::7]
    few[1, 0] = -0.0
    for storage, weights in (("dense", classifier.coef_.copy()), ("sparse", few), ("sparse", np.zeros_like(few))):
        classifier.coef_ = weights
        for kind in ("array", "matrix"):
            artifact = Artifact(export(pipeline, tmp_path / f"{storage}-{kind}-{np.count_nonzero(weights)}"))
            about = artifact.pipeline["classifier"]
            assert about.get("weights", "dense") == storage
            assert np.array_equal(read_weights(about, artifact.tensors, range(columns)), weights)
            classifier.sparsify()


def test_parameters_set_after_the_fit_count_only_where_scikit_learn_heeds_them(tmp_path):
    pipeline = fit()
    pipeline.named_steps["tfidf"].set_params(norm="l1", sublinear_tf=True, binary=True)
    about = Artifact(export(pipeline, tmp_path / "m")).vectorizer
    assert (about["norm"], about["sublinear_tf"], about["binary"]) == ("l2", False, True)


def test_documents_are_pythons_json(word_pipeline, tmp_path):
    args, performance = {"a": "é", "rate": 1e-4, "none": None}, {"overall": {"f1": 0.5}}
    path = export(word_pipeline, tmp_path / "m", args=args, performance=performance, name="n", version=3)
    for name, document in (("args", args), ("performance", performance)):
        with open(os.path.join(path, f"{name}.json"), encoding="utf-8") as file:
            assert file.read() == json.dumps(document)
    manifest = Artifact(path).manifest
    assert (manifest["name"], manifest["version"]) == ("n", "3")
    assert set(manifest["files"]) == {"args.json", "model.safetensors", "performance.json"}


def test_defaults_of_name_and_version(word_pipeline, tmp_path):
    manifest = Artifact(export(word_pipeline, tmp_path / "mine")).manifest
    assert (manifest["name"], manifest["version"]) == ("mine", "1")
    assert 12 <= len(manifest["probes"]["texts"]) <= 20


def test_own_probe_texts(word_pipeline, tmp_path):
    texts = ["the dough", "", "🙂"]
    probes = Artifact(export(word_pipeline, tmp_path / "m", probe_texts=texts)).manifest["probes"]["texts"]
    assert [probe["text"] for probe in probes] == texts
    assert [probe["label"] for probe in probes] == word_pipeline.predict(texts).tolist()


def test_same_model_same_bytes(word_pipeline, tmp_path):
    first, second = (export(word_pipeline, tmp_path / place / "m", args={"b": 1, "a": 2}) for place in "ab")
    for name in os.listdir(first):
        with open(os.path.join(first, name), "rb") as one, open(os.path.join(second, name), "rb") as other:
            assert one.read() == other.read(), name


# --- All or nothing. ---


def test_an_existing_directory_is_never_changed(word_pipeline, tmp_path):
    path = export(word_pipeline, tmp_path / "m")
    before = {name: os.stat(os.path.join(path, name)).st_mtime_ns for name in os.listdir(path)}
    with pytest.raises(ExportError, match="exists already and is not empty"):
        export(word_pipeline, path)
    assert before == {name: os.stat(os.path.join(path, name)).st_mtime_ns for name in os.listdir(path)}
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="exists already and is not a directory"):
        export(word_pipeline, tmp_path / "file")
    (tmp_path / "empty").mkdir()
    assert Artifact(export(word_pipeline, tmp_path / "empty")).manifest["name"] == "empty"


@pytest.mark.parametrize("moment", ["write_tensors", "reference.check", "os.rename"])
def test_a_failure_leaves_nothing_behind(moment, word_pipeline, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(f"linnet_export.artifact.{moment}", fail)
    with pytest.raises(ExportError, match="cannot write .*: No space left on device"):
        export(word_pipeline, tmp_path / "m")
    assert os.listdir(tmp_path) == []


def test_the_self_check_finds_a_wrong_weight(word_pipeline, tmp_path, monkeypatch):
    def spoil(path, tensors):
        wrong = {name: values.copy() for name, values in tensors.items()}
        wrong["vectorizer.0.idf"][:] *= 1.001
        write_tensors(path, wrong)

    monkeypatch.setattr("linnet_export.artifact.write_tensors", spoil)
    with pytest.raises(ExportError, match="self-check: tensor vectorizer.0.idf"):
        export(word_pipeline, tmp_path / "m")


def test_the_self_check_finds_a_pipeline_that_behaves_otherwise(tmp_path):
    pipeline = fit()
    pipeline.named_steps["tfidf"].build_analyzer = lambda: str.split  # as a subclass or a patch would do
    with pytest.raises(ExportError, match="self-check: the artifact does not reproduce the pipeline on"):
        export(pipeline, tmp_path / "m")
    assert os.listdir(tmp_path) == []


# --- The container and the character tables. ---


def test_tensors_are_aligned_and_without_gaps(tmp_path):
    path = tmp_path / "t.safetensors"
    tensors = {"b": np.arange(3, dtype=np.uint8), "a": np.ones((2, 2)), "c": np.array([7], dtype=np.uint32)}
    write_tensors(path, tensors)
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    assert (8 + length) % 64 == 0
    assert [(name, *entry["data_offsets"]) for name, entry in header.items()] == [
        ("a", 0, 32),
        ("c", 32, 36),
        ("b", 36, 39),
    ]
    assert len(content) == 8 + length + 39
    assert all(np.array_equal(values, tensors[name]) for name, values in read_tensors(path).items())


def test_character_tables_hold_for_every_code_point():
    characters = Characters({f"characters.{name}": rows for name, rows in character_tables().items()})
    digits = {chr(c) for a, b in character_tables()["digit"].tolist() for c in range(a, b + 1)}
    word, digit, space = re.compile(r"\w"), re.compile(r"\d"), re.compile(r"\s")
    for character in map(chr, (code for code in range(sys.maxunicode + 1) if code not in SURROGATES)):
        assert characters.lower_case.get(character, character) == character.lower()
        assert (character in characters.space) == character.isspace() == bool(space.match(character))
        assert (
            (character in characters.word) == bool(word.match(character)) == (character.isalnum() or character == "_")
        )
        assert (character in digits) == bool(digit.match(character)) == (unicodedata.category(character) == "Nd")
        for text in (character + "Σ", "AΣ" + character + "A"):  # what comes before a sigma, and what after
            assert characters.lower(text) == text.lower(), ascii(text)


def test_character_tables_leave_out_surrogates():
    for name, rows in character_tables().items():
        first, last = (rows[:, 0], rows[:, 0]) if name == "lower" else (rows[:, 0], rows[:, 1])
        assert not ((first <= 0xDFFF) & (last >= 0xD800)).any(), name
        assert (np.diff(first.astype(np.int64)) > 0).all() and (first[1:] > last[:-1]).all(), name


# --- The cleaner. ---


def test_the_cleaner_is_a_transformer():
    cleaner = TextCleaner(lower=False, stop_words=["a"])
    assert clone(cleaner).get_params() == {"lower": False, "stop_words": ["a"], "stem": False}
    assert cleaner.fit_transform(iter(["a cat!", "A  dog"])) == ["cat", "A dog"]
    assert pickle.loads(pickle.dumps(cleaner)).transform(["a b"]) == ["b"]
    assert (len(NLTK_ENGLISH), len(set(NLTK_ENGLISH))) == (179, 179)
    for bad in ("text", [5], [None]):
        with pytest.raises((TypeError, ValueError)):
            cleaner.transform(bad)
    with pytest.raises(ValueError, match="stem"):
        TextCleaner(stem=True).fit(["a"])


CLEANED = {
    "Transfer learning with BERT, isn't it?": "transfer learning bert",
    "Don't stop: https://example.org/a_b": "stop  example org a b",  # "https" goes last, so its two spaces stay
    "İ the\u0301 don’t": "",
    "thethe the_ _the the1": "thethe the the the1",
    "http xhttpy": "http x",
    "": "",
}


@pytest.mark.parametrize("text", CLEANED)
def test_cleaned_by_hand(text):
    assert TextCleaner().transform([text]) == [CLEANED[text]]


# --- The goldens, and the format's sufficiency. ---


@pytest.mark.parametrize("model", sorted(path.name for path in GOLDEN.iterdir() if (path / "expected.jsonl").exists()))
def test_the_goldens_follow_from_the_files_alone(model):
    from golden_texts import spelled_out

    shipped = REPOSITORY / "artifacts" / "tagifai" / "1"
    artifact = Artifact(shipped if model == "tagifai" else GOLDEN / model / "1")
    with open(GOLDEN / model / "expected.jsonl", encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    assert len(lines) >= 150
    for line in lines:
        assert difference(artifact.score(spelled_out(line["parts"])), line, 1e-9) is None, line["parts"]


def test_the_shipped_model_is_small_and_whole():
    path = REPOSITORY / "artifacts" / "tagifai" / "1"
    manifest = Artifact(path).manifest
    assert sum(entry["bytes"] for entry in manifest["files"].values()) < 4_000_000
    assert manifest["pipeline"]["classes"] == ["computer-vision", "mlops", "natural-language-processing", "other"]
    lesson = "shuffle subset min_freq lower stem analyzer ngram_max_range alpha learning_rate power_t".split()
    assert list(json.loads((path / "args.json").read_text()))[: len(lesson)] == lesson
    assert list(json.loads((path / "performance.json").read_text())) == ["overall", "class", "slices"]


def test_a_copy_of_a_pipeline_exports_alike(word_pipeline, tmp_path):
    copied = pickle.loads(pickle.dumps(copy.deepcopy(word_pipeline)))
    first, second = (Artifact(export(p, tmp_path / n / "m")).manifest for p, n in ((word_pipeline, "a"), (copied, "b")))
    assert first == second
