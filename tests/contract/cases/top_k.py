"""`POST /predict?top_k=`: Linnet's own, refused in the words of the lesson's stack.

The wanted errors are what that stack answers when the endpoint declares `top_k: int = Query(None, ge=1)`. Answers with
probabilities are numbers, not bytes, and are not recorded here.
"""

from typing import Any, Dict, List

from failure import error, unprocessable

from .case import TOP_K, Case, post

GOOD = '{"texts":[{"text":"a"}]}'
NOT_AN_INTEGER = error(["query", "top_k"], "value is not a valid integer", "type_error.integer")
BELOW_ONE: Dict[str, Any] = {
    **error(["query", "top_k"], "ensure this value is greater than or equal to 1", "value_error.number.not_ge"),
    "ctx": {"limit_value": 1},
}

# name: the query. Python's int() takes signs, leading zeros, single underscores, white space around it and any
# decimal digits.
REFUSED = {
    "word": ("top_k=x", NOT_AN_INTEGER),
    "empty": ("top_k=", NOT_AN_INTEGER),
    "no-value": ("top_k", NOT_AN_INTEGER),
    "fraction": ("top_k=1.5", NOT_AN_INTEGER),
    "whole-fraction": ("top_k=1.0", NOT_AN_INTEGER),
    "exponent": ("top_k=1e3", NOT_AN_INTEGER),
    "true": ("top_k=true", NOT_AN_INTEGER),
    "hex": ("top_k=0x1", NOT_AN_INTEGER),
    "leading-underscore": ("top_k=_1", NOT_AN_INTEGER),
    "double-underscore": ("top_k=1__0", NOT_AN_INTEGER),
    "double-minus": ("top_k=--1", NOT_AN_INTEGER),
    "minus-space": ("top_k=-%201", NOT_AN_INTEGER),
    "superscript": ("top_k=%C2%B2", NOT_AN_INTEGER),
    "bad-utf8": ("top_k=%FF", NOT_AN_INTEGER),
    "nul": ("top_k=%00", NOT_AN_INTEGER),
    "unit-separator": ("top_k=1%1F", NOT_AN_INTEGER),
    "last-is-bad": ("top_k=1&top_k=x", NOT_AN_INTEGER),
    "zero": ("top_k=0", BELOW_ONE),
    "minus-zero": ("top_k=-0", BELOW_ONE),
    "negative": ("top_k=-1", BELOW_ONE),
    "very-negative": ("top_k=-99999999999999999999", BELOW_ONE),
    "space-zero": ("top_k=+0%20", BELOW_ONE),
    "underscore-zero": ("top_k=0_0", BELOW_ONE),
    "arabic-zero": ("top_k=%D9%A0", BELOW_ONE),
    "last-is-zero": ("top_k=1&top_k=0", BELOW_ONE),
    "encoded-name": ("top%5Fk=0", BELOW_ONE),
}

EMPTY_LIST = error(["body", "texts"], "List of texts to classify cannot be empty.", "value_error")
NO_BODY = error(["body"], "field required", "value_error.missing")
NOT_A_DICT = error(["body"], "value is not a valid dict", "type_error.dict")

# name: body, and the errors that follow the query's own.
WITH_BODY = {
    "and-empty-list": ('{"texts":[]}', [EMPTY_LIST]),
    "and-no-body": ("", [NO_BODY]),
    "and-null": ("null", [NO_BODY]),
    "and-number": ("5", [NOT_A_DICT]),
    # The lesson's stack finds nothing wrong with these texts before the endpoint runs.
    "and-null-text": ('{"texts":[{"text":null}]}', []),
    "and-lone-surrogate": ('{"texts":[{"text":"\\ud800"}]}', []),
}


def cases() -> List[Case]:
    """All cases of this file."""
    out = []
    for name, (query, wanted) in REFUSED.items():
        target = f"/predict?{query}"
        out.append(post(f"top-k-{name}", TOP_K, GOOD, target=target, linnet=unprocessable([wanted])))
    for name, (body, more) in WITH_BODY.items():
        linnet = unprocessable([BELOW_ONE, *more])
        out.append(post(f"top-k-{name}", TOP_K, body, target="/predict?top_k=0", linnet=linnet))
    # A body that cannot be parsed is answered alone; a name in other letters is another name.
    out.append(post("top-k-and-broken-json", "json-error", "{", target="/predict?top_k=0"))
    out.append(post("top-k-and-bad-utf8", "encoding", b"\xff", target="/predict?top_k=0"))
    out.append(post("top-k-upper-case", "framing", GOOD, target="/predict?TOP_K=0"))
    return out
