"""Decides whether Linnet's answer is the one that is wanted."""

from typing import Any, Dict, List

from exchange import Request, Response
from failure import wanted_failure

FIELDS = ("status", "content_type", "allow", "location", "body")


def differences(wanted: Dict[str, Any], got: Response) -> List[str]:
    """One line for each field that is not as wanted; a field that is not in `wanted` may be anything."""
    lines = []
    for name in FIELDS:
        if name in wanted and wanted[name] != getattr(got, name):
            lines.append(f"{name}: wanted {wanted[name]!r}, got {getattr(got, name)!r}")
    return lines


def live_differences(request: Request, lesson: Response, linnet: Response) -> List[str]:
    """Linnet's answer against the one that the lesson gave to the same request."""
    if lesson.status != 500:
        return differences(vars(lesson), linnet)
    wanted = wanted_failure(request.body)
    # A 500 for a reason that nobody has met yet is worth a look, whatever Linnet says to it.
    return ["the lesson answered 500 for an unknown reason"] if wanted is None else differences(wanted, linnet)


def recorded_differences(row: Dict[str, Any], got: Response) -> List[str]:
    """Linnet's answer against a row of `recorded.jsonl`."""
    if row["group"] == "known-difference":
        # 501 is what RFC 9112 wants for a transfer coding that a server does not know.
        return [f"status: {got.status}"] if got.status >= 500 and got.status != 501 else []
    return differences(row.get("linnet", row["response"]), got)
