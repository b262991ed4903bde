"""Sends random requests to the lesson's app and to Linnet and compares the answers.

    python compare_live.py --python VENV/bin/python --model PIPELINE.joblib --url http://127.0.0.1:8000 --count 1000

Exit status 1 if any answer differs. The seed is printed, and gives the same requests again. Run it with CPython 3.11,
which words JSON errors as the lesson does.
"""

import argparse
import json
import random
import sys
import time
from collections import Counter
from typing import Any, Dict, Optional

import lesson
from exchange import Request, exchange
from generate import Generator
from judge import live_differences
from replay import SHOWN_CHARACTERS, address_of

SHOWN_CASES = 20


def compare(reference: Any, linnet: Any, request: Request, statuses: Counter) -> Optional[Dict[str, Any]]:
    """The request with both answers if they differ; counts the lesson's status."""
    wanted = exchange(reference, request)
    statuses[wanted.status] += 1
    try:
        got = exchange(linnet, request)
    except Exception as error:  # no answer is a difference, and no reason to stop
        return {"differences": [f"no answer: {error!r}"], "request": request.to_json(), "lesson": wanted.to_json()}
    lines = live_differences(request, wanted, got)
    return {"differences": lines, "request": request.to_json(), "lesson": wanted.to_json()} if lines else None


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    lesson.add_arguments(parser)
    parser.add_argument("--url", required=True, help="Linnet's base URL")
    parser.add_argument("--count", type=int, default=1000, help="how many requests")
    parser.add_argument("--seed", type=int, default=None, help="default: a new one for each run")
    parser.add_argument(
        "--out", type=argparse.FileType("w", encoding="utf-8"), help="all differences, one JSON object a line"
    )
    return parser.parse_args()


def main() -> int:
    """Compare `--count` requests."""
    arguments = parse_arguments()
    seed = arguments.seed if arguments.seed is not None else random.randrange(2**32)
    print(f"seed {seed}")
    generator, statuses, wrong, started = Generator(seed), Counter(), 0, time.monotonic()
    with lesson.serving(lesson.from_arguments(arguments)) as reference:
        for _ in range(arguments.count):
            difference = compare(reference, address_of(arguments.url), generator.request(), statuses)
            if difference is None:
                continue
            wrong += 1
            line = json.dumps(difference, ensure_ascii=True)
            if arguments.out:
                arguments.out.write(line + "\n")
            if wrong <= SHOWN_CASES:
                print(line[:SHOWN_CHARACTERS])
    shown = ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items()))
    print(
        f"{arguments.count} requests in {time.monotonic() - started:.1f} s ({shown}), {wrong} with a different answer"
    )
    return 1 if wrong or not arguments.count else 0


if __name__ == "__main__":
    sys.exit(main())
