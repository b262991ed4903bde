#!/usr/bin/env python3
"""`linnet predict` in plain Python, over the exporter's reference scorer: `LINNET_BIN` for trying out the oracle test.

LINNET_BIN=tests/python/reference_linnet.py python -m pytest tests/python/test_oracle.py
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "artifacts" / "export"))

from linnet_export.reference import Artifact  # noqa: E402


def main() -> int:
    """Read JSON lines from standard input, write one answer a line."""
    command, option, directory = sys.argv[1:]
    if (command, option) != ("predict", "--model"):
        raise SystemExit("usage: reference_linnet.py predict --model DIR < texts.jsonl")
    artifact, status = Artifact(directory), 0
    for number, line in enumerate(sys.stdin.buffer.read().removesuffix(b"\n").split(b"\n"), 1):
        try:
            text = json.loads(line)["text"]
            if not isinstance(text, str):
                raise TypeError("text is not a string")
            answer = lay_out(artifact, artifact.score(text))
        except (ValueError, TypeError, KeyError) as error:
            print(f"line {number}: {error}", file=sys.stderr)
            answer, status = {"error": str(error)}, 1
        print(json.dumps(answer))
    return status


def lay_out(artifact: Artifact, score: dict) -> dict:
    """An answer line: scores and probabilities by class name."""
    names = [str(label) for label in artifact.pipeline["classes"]]
    scored = names if len(score["decision"]) > 1 else names[1:]
    answer = {"label": score["label"], "scores": dict(zip(scored, score["decision"]))}
    if score["probabilities"] is not None:
        answer["probabilities"] = dict(zip(names, score["probabilities"]))
    return answer


if __name__ == "__main__":
    sys.exit(main())
