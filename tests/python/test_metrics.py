"""`GET /metrics`, read by Prometheus' own client library: a parser that shares nothing with Linnet."""

from __future__ import annotations

import os
import re
import subprocess
import urllib.request
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

REPOSITORY = Path(__file__).resolve().parents[2]
LINNET = os.environ.get("LINNET_BIN", str(REPOSITORY / "target" / "release" / "linnet"))


def scrape(tmp_path):
    """The families of one scrape of a Linnet that has answered one request, and the content type."""
    model = REPOSITORY / "artifacts" / "tagifai" / "1"
    command = [LINNET, "--bind", "127.0.0.1:0", "--workers", "2", "--model", str(model), "--set", "control_socket="]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as linnet:
        try:
            url = next(m[1] for line in linnet.stderr if (m := re.search(r"listening on (http://\S+)", line)))
            urllib.request.urlopen(url + "/args").read()
            with urllib.request.urlopen(url + "/metrics") as answer:
                kind, text = answer.headers["content-type"], answer.read().decode()
        finally:
            linnet.kill()
    return list(text_string_to_metric_families(text)), kind


def test_a_scrape_is_what_prometheus_reads(tmp_path):
    families, kind = scrape(tmp_path)
    assert kind == "text/plain; version=0.0.4; charset=utf-8"
    assert len({family.name for family in families}) == len(families) > 20
    for family in families:
        assert family.name.startswith("linnet_") and family.documentation.endswith("."), family.name
        assert family.type in ("counter", "gauge", "histogram"), family.name
        series = [(sample.name, tuple(sorted(sample.labels.items()))) for sample in family.samples]
        assert len(set(series)) == len(series), family.name
    by_name = {family.name: family for family in families}
    for name in ("linnet_request_duration_seconds", "linnet_predict_duration_seconds"):
        buckets = [sample for sample in by_name[name].samples if sample.name.endswith("_bucket")]
        bounds = [float(sample.labels["le"]) for sample in buckets]
        counts = [sample.value for sample in buckets]
        assert bounds == sorted(bounds) and bounds[-1] == float("inf") and len(bounds) <= 20
        assert counts == sorted(counts)
        assert counts[-1] == next(sample.value for sample in by_name[name].samples if sample.name.endswith("_count"))
    answered = {tuple(s.labels.values()): s.value for s in by_name["linnet_requests"].samples}
    assert answered[("/args", "200")] == 1 and answered[("/predict", "200")] == 0
