"""Records the lesson's answers: `python record.py --python VENV/bin/python --model PIPELINE.joblib`.

Writes `recorded.jsonl` beside this file, or checks it with `--check`.
"""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Dict, List

import lesson
from cases import all_cases
from cases.case import HEAD, KNOWN_DIFFERENCE, LESSON_500, TOP_K, Case
from exchange import Response, exchange
from failure import wanted_failure

RECORDED = Path(__file__).with_name("recorded.jsonl")


def check_group(case: Case, response: Response) -> None:
    """Stop at a case that is in the wrong group, or whose wanted answer is not what the rule says."""
    if (response.status == 500) != (case.group == LESSON_500) and case.group not in (KNOWN_DIFFERENCE, TOP_K):
        raise SystemExit(f"case {case.name}: group {case.group}, but the lesson answered {response.status}")
    if (case.linnet is not None) != (case.group in (LESSON_500, TOP_K, HEAD)):
        raise SystemExit(f"case {case.name}: Linnet's answer is named in {LESSON_500}, {TOP_K}, {HEAD}, and only there")
    if case.group == LESSON_500 and case.linnet != wanted_failure(case.request.body):
        raise SystemExit(f"case {case.name}: the case and the rule disagree on Linnet's answer")


def record(address: Any) -> List[Dict[str, Any]]:
    """All rows, in the order of the cases."""
    rows = []
    for case in all_cases():
        response = exchange(address, case.request)
        check_group(case, response)
        row = {
            "name": case.name,
            "group": case.group,
            "request": case.request.to_json(),
            "response": response.to_json(),
        }
        if case.linnet is not None:
            row["linnet"] = case.linnet
        rows.append(row)
    return rows


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    lesson.add_arguments(parser)
    parser.add_argument("--out", type=Path, default=RECORDED)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if anything differs from --out")
    return parser.parse_args()


def main() -> int:
    """Record, or compare with what is recorded."""
    arguments = parse_arguments()
    with lesson.serving(lesson.from_arguments(arguments)) as address:
        rows = record(address)
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    if arguments.check:
        before = arguments.out.read_text(encoding="utf-8").split("\n")[:-1]
        recorded = set(before)
        differing = [row["name"] for row, line in zip(rows, lines, strict=True) if line not in recorded]
        if differing or len(before) != len(lines):
            print(f"differ: {differing}; {len(before)} recorded, {len(lines)} now", file=sys.stderr)
            return 1
        return 0
    # One row a line; raw U+2028 and U+0085 occur, so readers split at \n alone.
    arguments.out.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    for group, count in sorted(Counter(row["group"] for row in rows).items()):
        print(f"{count:5} {group}")
    print(f"{len(rows):5} in all")
    return 0


if __name__ == "__main__":
    sys.exit(main())
