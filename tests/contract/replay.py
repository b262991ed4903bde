"""Replays `recorded.jsonl` against a running Linnet: `python replay.py --url http://127.0.0.1:8000`.

Exit status 1 if any answer differs. Needs nothing but Python's standard library.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Dict, List, Tuple
from urllib.parse import urlsplit

from exchange import Request, exchange
from judge import recorded_differences

RECORDED = Path(__file__).with_name("recorded.jsonl")
SHOWN_CHARACTERS = 2000


def address_of(url: str) -> Tuple[str, int]:
    """Host and port of a base URL."""
    parts = urlsplit(url)
    return parts.hostname or "127.0.0.1", parts.port or 80


def read_rows(path: Path) -> List[Dict[str, Any]]:
    """The recorded rows. Raw U+2028 and U+0085 occur, so lines end at \\n alone."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def differences_of(address: Tuple[str, int], row: Dict[str, Any]) -> List[str]:
    """What differs for one row. No answer is a difference too, but a known difference may be a quiet close."""
    try:
        got = exchange(address, Request.from_json(row["request"]))
    except Exception as error:  # whatever went wrong, the other rows are still worth knowing
        quiet = isinstance(error, ConnectionResetError)  # http.client's RemoteDisconnected is one
        return [] if quiet and row["group"] == "known-difference" else [f"no answer: {error!r}"]
    return recorded_differences(row, got)


def main() -> int:
    """Replay all rows, or those whose group or name is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True, help="Linnet's base URL")
    parser.add_argument("--group", help="only this group")
    parser.add_argument("--name", help="only names that contain this")
    arguments = parser.parse_args()
    address = address_of(arguments.url)
    rows = read_rows(RECORDED)
    rows = [row for row in rows if arguments.group in (None, row["group"]) and (arguments.name or "") in row["name"]]
    wrong = 0
    for row in rows:
        lines = differences_of(address, row)
        wrong += bool(lines)
        for line in lines:
            print(f"{row['group']}/{row['name']}: {line[:SHOWN_CHARACTERS]}")
    print(f"{len(rows)} requests, {wrong} with a different answer")
    return 1 if wrong or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
