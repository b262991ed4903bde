"""The command `linnet-export`, run as a user runs it: one line and status 1 for whatever goes wrong."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

import joblib
import linnet_export
import pytest
from conftest import REPOSITORY
from linnet_export.reference import Artifact
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import Pipeline


def command(*arguments, directory):
    """Run `linnet-export` as a user does."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "artifacts" / "export"), "PYTHONIOENCODING": "utf-8"}
    line = [sys.executable, "-m", "linnet_export", *map(str, arguments)]
    return subprocess.run(line, cwd=directory, env=environment, capture_output=True, text=True, encoding="utf-8")


def save(path, content):
    """Write bytes, or an object as joblib does; the path."""
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        joblib.dump(content, path)
    return path


def pickle_of(module, name):
    """A pickle that needs `module.name`."""
    return f"c{module}\n{name}\n.".encode()


UNLOADABLE = {
    "missing file": (None, "No such file or directory"),
    "missing module": (
        pickle_of("surely_absent_module", "Cleaner"),
        "the module 'surely_absent_module' is missing here",
    ),
    "missing submodule": (
        pickle_of("sklearn.surely_absent", "X"),
        "the module 'sklearn.surely_absent' is missing here",
    ),
    "missing class": (pickle_of("collections", "SurelyAbsent"), "a class or function of it is missing here"),
    "class of a script": (pickle_of("__main__", "MyCleaner"), "a class or function of it is missing here"),
    "empty": (b"", "not a joblib or pickle file, or a damaged one"),
    "text": (b"hello\nworld\n", "not a joblib or pickle file, or a damaged one"),
    "truncated": (pickle.dumps(list(range(1000)))[:-100], "not a joblib or pickle file, or a damaged one"),
    "wrong type": ({"model": 1}, "expected a fitted sklearn.pipeline.Pipeline, got builtins.dict"),
    "refused": (Pipeline([("tfidf", TfidfVectorizer()), ("c", SGDClassifier())]), "(TfidfVectorizer): is not fitted"),
}


@pytest.mark.parametrize("case", UNLOADABLE)
def test_a_file_that_cannot_be_exported_gives_one_line(case, tmp_path):
    content, fragment = UNLOADABLE[case]
    if content is not None:
        save(tmp_path / "model.joblib", content)
    result = command("model.joblib", "out", directory=tmp_path)
    assert fragment in result.stderr
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert not (tmp_path / "out").exists()


def test_an_environment_without_scikit_learn_is_named(tmp_path):
    (tmp_path / "sklearn.py").write_text("raise ModuleNotFoundError(name='sklearn')")
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(REPOSITORY / "artifacts" / "export")]),
    }
    line = [sys.executable, "-m", "linnet_export", "model.joblib", "out"]
    result = subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (result.returncode, result.stderr.count("\n")) == (1, 1)
    assert "the module 'sklearn' is missing" in result.stderr


def test_the_command_line_with_all_options(word_pipeline, tmp_path):
    save(tmp_path / "model.joblib", word_pipeline)
    (tmp_path / "args.json").write_text('{"rate": 0.1}')
    (tmp_path / "performance.json").write_text('{"overall": {}}')
    (tmp_path / "probes.jsonl").write_text('{"text": "a\\u2028b"}\n\n{"text": "x\u2028y"}\n', encoding="utf-8")
    options = "--name n --version 9 --args args.json --performance performance.json --probe-texts probes.jsonl"
    result = command("model.joblib", "out", *options.split(), directory=tmp_path)
    assert (result.returncode, result.stderr, result.stdout) == (0, "", f"{tmp_path / 'out'}\n")
    manifest = Artifact(tmp_path / "out").manifest
    assert (manifest["name"], manifest["version"]) == ("n", "9")
    assert [probe["text"] for probe in manifest["probes"]["texts"]] == ["a\u2028b", "x\u2028y"]
    assert manifest["exporter"]["linnet_export"] == linnet_export.__version__


BAD_OPTIONS = {
    "args not JSON": ("--args", "{", "not JSON"),
    "args a list": ("--args", "[]", "expected a JSON object"),
    "args NaN": ("--args", '{"a": NaN}', "NaN is not JSON"),
    "performance not UTF-8": ("--performance", b"\xff", "not UTF-8"),
    "probe without text": ("--probe-texts", '{"text": "a"}\n{"txt": 1}\n', "line 2: expected an object"),
}


@pytest.mark.parametrize("case", BAD_OPTIONS)
def test_bad_option_files_give_one_line(case, word_pipeline, tmp_path):
    option, content, fragment = BAD_OPTIONS[case]
    save(tmp_path / "model.joblib", word_pipeline)
    (tmp_path / "file").write_bytes(content if isinstance(content, bytes) else content.encode())
    result = command("model.joblib", "out", option, "file", directory=tmp_path)
    assert fragment in result.stderr
    assert (result.returncode, result.stderr.count("\n"), (tmp_path / "out").exists()) == (1, 1, False)
