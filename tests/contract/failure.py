"""What Linnet answers where the lesson's app fails with a 500."""

import json
from typing import Any, Dict, List, Optional, Union

LONE_SURROGATES = "text must not contain lone surrogates"


def error(loc: List[Union[str, int]], msg: str, kind: str) -> Dict[str, Any]:
    """One error object in pydantic's key order."""
    return {"loc": loc, "msg": msg, "type": kind}


def unprocessable(errors: List[Dict[str, Any]]) -> Dict[str, Any]:
    """A 422 with these errors, in the recorded form."""
    body = json.dumps({"detail": errors}, ensure_ascii=False, separators=(",", ":"))
    return {"status": 422, "content_type": "application/json", "allow": None, "location": None, "body": body}


def has_lone_surrogate(text: str) -> bool:
    """Whether no UTF-8 can hold this text."""
    return any("\ud800" <= character <= "\udfff" for character in text)


def text_error(index: int, item: Any) -> Optional[Dict[str, Any]]:
    """What is wrong with one item that passed the lesson's own validation."""
    members = item if isinstance(item, dict) else dict(item)
    loc = ["body", "texts", index, "text"]
    if "text" not in members:
        return error(loc, "field required", "value_error.missing")
    if members["text"] is None:
        return error(loc, "none is not an allowed value", "type_error.none.not_allowed")
    if isinstance(members["text"], str) and has_lone_surrogate(members["text"]):
        return error(loc, LONE_SURROGATES, "value_error.unicode")
    return None


def wanted_failure(body: bytes) -> Optional[Dict[str, Any]]:
    """The wanted answer to a body that the lesson answered with a 500; None if there is no reason for one.

    Words JSON errors as the running Python does, so it has to be CPython 3.11.
    """
    try:
        payload = json.loads(body)
    except json.JSONDecodeError as broken:
        # The lesson echoes the document, which it then cannot encode.
        return (
            unprocessable([error(["body", broken.pos], str(broken), "value_error")])
            if has_lone_surrogate(broken.doc)
            else None
        )
    members = payload if isinstance(payload, dict) else dict(payload)
    errors = [found for index, item in enumerate(members["texts"]) if (found := text_error(index, item))]
    return unprocessable(errors) if errors else None
