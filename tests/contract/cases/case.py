"""What one case is, and the few ways to build one."""

import json
from dataclasses import dataclass
from typing import Any, Dict, Optional, Tuple, Union

from exchange import Request

HOST = ("Host", "localhost:8000")
JSON = ("Content-Type", "application/json")

# Groups in which Linnet's answer differs from the lesson's on purpose. All other groups must be equal.
LESSON_500 = "lesson-500"
TOP_K = "top-k"
HEAD = "head"
KNOWN_DIFFERENCE = "known-difference"


@dataclass
class Case:
    """One request, the group it belongs to, and Linnet's answer where it is not the lesson's."""

    name: str
    group: str
    request: Request
    linnet: Optional[Dict[str, Any]] = None


def get(name: str, group: str, target: str, headers: Tuple[Tuple[str, str], ...] = (HOST,)) -> Case:
    """A GET without a body."""
    return Case(name, group, Request("GET", target, list(headers)))


def post(
    name: str,
    group: str,
    body: Union[str, bytes, Any],
    headers: Tuple[Tuple[str, str], ...] = (JSON,),
    target: str = "/predict",
    linnet: Optional[Dict[str, Any]] = None,
) -> Case:
    """A POST with Content-Length; a body that is neither text nor bytes is written as JSON."""
    if not isinstance(body, (str, bytes)):
        body = json.dumps(body, ensure_ascii=False)
    raw = body.encode("utf-8") if isinstance(body, str) else body
    all_headers = [HOST, *headers, ("Content-Length", str(len(raw)))]
    return Case(name, group, Request("POST", target, all_headers, raw), linnet)
