"""`GET /metrics`, read by Prometheus' own tools: the client library's parser and `promtool`, which share nothing with
Linnet; and what it counts, against scikit-learn."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import time
import urllib.request

import pytest
from conftest import REPOSITORY, TEXTS, fit, label_matrix
from linnet_export import export
from prometheus_client.parser import text_string_to_metric_families
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline

TAGIFAI = REPOSITORY / "artifacts" / "tagifai" / "1"


@contextlib.contextmanager
def serving(binary, model, folder, workers=1):
    """The URL of a Linnet that serves `model`."""
    command = [binary, "--bind", "127.0.0.1:0", "--workers", str(workers), "--model", str(model)]
    command += ["--set", "control_socket="]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True) as linnet:
        try:
            yield next(m[1] for line in linnet.stderr if (m := re.search(r"listening on (http://\S+)", line)))
        finally:
            linnet.kill()


def ask(url, path, body=None):
    """The body of one answer, and its content type."""
    request = urllib.request.Request(url + path, body and json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return answer.read().decode(), answer.headers["content-type"]


def families(url):
    """The families of a scrape by name."""
    return {family.name: family for family in text_string_to_metric_families(ask(url, "/metrics")[0])}


def value(family):
    return family.samples[0].value


def test_a_scrape_is_what_prometheus_reads(binary, tmp_path):
    before = time.time()
    with serving(binary, TAGIFAI, tmp_path, workers=2) as url:
        ask(url, "/args")
        text, kind = ask(url, "/metrics")
    assert kind == "text/plain; version=0.0.4; charset=utf-8"
    found = list(text_string_to_metric_families(text))
    by_name = {family.name: family for family in found}
    assert len(by_name) == len(found) > 20
    for family in found:
        assert family.name.startswith(("linnet_", "process_")) and family.documentation.endswith("."), family.name
        assert family.type in ("counter", "gauge", "histogram"), family.name
        series = [(sample.name, tuple(sorted(sample.labels.items()))) for sample in family.samples]
        assert len(set(series)) == len(series), family.name
    for name in ("linnet_request_duration_seconds", "linnet_predict_duration_seconds"):
        buckets = [sample for sample in by_name[name].samples if sample.name.endswith("_bucket")]
        bounds = [float(sample.labels["le"]) for sample in buckets]
        counts = [sample.value for sample in buckets]
        assert bounds == sorted(bounds) and bounds[-1] == float("inf") and len(bounds) <= 20
        assert counts == sorted(counts)
        assert counts[-1] == next(sample.value for sample in by_name[name].samples if sample.name.endswith("_count"))
    answered = {tuple(s.labels.values()): s.value for s in by_name["linnet_requests"].samples}
    assert answered[("/args", "200")] == 1 and answered[("/predict", "200")] == 0
    assert before - 1 < value(by_name["process_start_time_seconds"]) < time.time() + 1


def test_promtool_has_nothing_to_say(binary, tmp_path):
    promtool = os.environ.get("PROMTOOL") or shutil.which("promtool")
    if not promtool:
        pytest.skip("no promtool: set PROMTOOL, or install Debian's package prometheus")
    with serving(binary, TAGIFAI, tmp_path) as url:
        ask(url, "/predict", {"texts": [{"text": "graphs"}]})
        page, _ = ask(url, "/metrics")
    check = subprocess.run([promtool, "check", "metrics"], input=page, text=True, capture_output=True)
    assert (check.returncode, check.stdout + check.stderr) == (0, "")


def test_predictions_are_counted_by_class_as_scikit_learn_makes_them(binary, tmp_path):
    one_label = fit()
    several = make_pipeline(TfidfVectorizer(), OneVsRestClassifier(LogisticRegression())).fit(TEXTS, label_matrix())
    for pipeline, name in [(one_label, "one"), (several, "several")]:
        predicted = pipeline.predict(TEXTS)
        if predicted.ndim == 2:
            expected = {str(label): int(count) for label, count in enumerate(predicted.sum(axis=0))}
            assert sum(expected.values()) != len(TEXTS)
        else:
            expected = {str(label): int((predicted == label).sum()) for label in pipeline.classes_}
        export(pipeline, tmp_path / name)
        with serving(binary, tmp_path / name, tmp_path) as url:
            for at in range(0, len(TEXTS), 7):
                ask(url, "/predict", {"texts": [{"text": text} for text in TEXTS[at : at + 7]]})
            found = families(url)
        counted = {sample.labels["class"]: sample.value for sample in found["linnet_predictions"].samples}
        assert counted == expected
        assert value(found["linnet_texts"]) == len(TEXTS)


def test_unknown_ngrams_are_those_that_the_vocabulary_lacks(binary, tmp_path):
    text = "Transfer learning with quetzalcoatlus, Überraschung und transfer wörter"
    for name, settings in [
        ("words", {"ngram_range": (1, 2)}),
        ("inside", {"analyzer": "char_wb", "ngram_range": (2, 5)}),
        ("across", {"analyzer": "char", "ngram_range": (1, 4)}),
    ]:
        pipeline = fit(TfidfVectorizer(**settings))
        export(pipeline, tmp_path / name)
        vectorizer = pipeline[0]
        ngrams = vectorizer.build_analyzer()(text)
        unknown = sum(ngram not in vectorizer.vocabulary_ for ngram in ngrams)
        assert 0 < unknown < len(ngrams)
        with serving(binary, tmp_path / name, tmp_path) as url:
            # The second text of a request is never looked at.
            ask(url, "/predict", {"texts": [{"text": text}, {"text": "xxxx"}]})
            found = families(url)
        assert value(found["linnet_sampled_ngrams"]) == len(ngrams), name
        assert value(found["linnet_sampled_ngrams_unknown"]) == unknown, name
