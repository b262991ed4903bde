"""Clients generated from the description compile and complete a prediction."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import CACHE

TEXT = "Transfer learning with transformers for text classification."
TYPESCRIPT = Path(__file__).with_name("typescript")

# What a client developer writes against the generated package.
PYTHON_CLIENT = f"""
import json, sys
from made import Client
from made.api.arguments import get_arg
from made.api.general import index
from made.api.prediction import predict
from made.models import HTTPValidationError, PredictPayload, PredictResponse, Text

client = Client(base_url=sys.argv[1], raise_on_unexpected_status=True)
answer = predict.sync(client=client, body=PredictPayload(texts=[Text(text={TEXT!r}), Text(text=1.5)]), top_k=2)
assert isinstance(answer, PredictResponse), answer
first = answer.data.predictions[0]
refusal = predict.sync(client=client, body=PredictPayload(texts=[]))
assert isinstance(refusal, HTTPValidationError), refusal
print(json.dumps({{
    "tags": [prediction.predicted_tag for prediction in answer.data.predictions],
    "best": first.probabilities[0].probability,
    "problem": refusal.detail[0].type_,
    "rate": get_arg.sync("learning_rate", client=client).data["learning_rate"],
    "message": index.sync(client=client).message,
}}))
"""


def run(command, **options) -> str:
    """Standard output of a command that must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def check(printed: str) -> None:
    """What both clients were answered."""
    told = json.loads(printed)
    assert told["tags"][0] == "natural-language-processing" and len(told["tags"]) == 2
    assert 0.5 < told["best"] <= 1
    assert told["problem"] == "value_error"
    assert told["rate"] == 0.14688087680118794


def test_python_client(linnet, document_file, tmp_path):
    package = tmp_path / "made"
    generator = Path(sys.executable).with_name("openapi-python-client")
    arguments = ["generate", "--path", document_file, "--meta", "none", "--output-path", package, "--fail-on-warning"]
    (tmp_path / "config.yml").write_text("post_hooks: []\n")  # its formatter is a matter of taste
    run([generator, *arguments, "--config", tmp_path / "config.yml"])
    run([sys.executable, "-W", "error", "-m", "compileall", "-q", package])
    printed = run([sys.executable, "-c", PYTHON_CLIENT, linnet], cwd=tmp_path)
    check(printed)
    assert json.loads(printed)["message"] == "OK"


def test_typescript_client(linnet, document_file):
    if not shutil.which("npm"):
        pytest.skip("npm is not here; tests/run says so")
    folder = CACHE / "typescript"
    folder.mkdir(parents=True, exist_ok=True)
    lock = folder / "package-lock.json"
    is_installed = lock.exists() and lock.read_bytes() == (TYPESCRIPT / "package-lock.json").read_bytes()
    for name in ("package.json", "package-lock.json", "tsconfig.json", "client.ts"):
        shutil.copy(TYPESCRIPT / name, folder / name)
    if not (is_installed and (folder / "node_modules").exists()):
        run(["npm", "ci", "--no-audit", "--no-fund"], cwd=folder)
    tools = folder / "node_modules" / ".bin"
    run([tools / "openapi-typescript", document_file, "-o", "schema.d.ts"], cwd=folder)
    run([tools / "tsc", "-p", "."], cwd=folder)
    printed = run(["node", "client.js", linnet], cwd=folder)
    check(printed)
    assert json.loads(printed)["f1"] > 0.5
