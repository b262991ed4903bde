"""The bytes of a body: encodings, byte order marks, content types and framing."""

from typing import List

from exchange import Request
from failure import error, unprocessable

from .case import HOST, JSON, KNOWN_DIFFERENCE, LESSON_500, Case, post

GOOD = '{"texts":[{"text":"Réseaux \U0001f600"}]}'
EMPTY_TEXT = '{"texts":[{"text":""}]}'
RAW = b'{"texts":[{"text":"Transfer learning."}]}'

# name: bytes.
ENCODINGS = {
    "utf-8": GOOD.encode("utf-8"),
    "utf-8-bom": GOOD.encode("utf-8-sig"),
    "utf-8-two-boms": b"\xef\xbb\xbf" + GOOD.encode("utf-8-sig"),
    "utf-8-bom-only": b"\xef\xbb\xbf",
    "utf-8-bom-broken": b'\xef\xbb\xbf{"a":x}',
    "utf-8-bom-after-space": b" \xef\xbb\xbf{}",
    "utf-8-bom-escape-error": b'\xef\xbb\xbf["\\x"]',
    "utf-16-le": GOOD.encode("utf-16-le"),
    "utf-16-be": GOOD.encode("utf-16-be"),
    "utf-16-le-bom": b"\xff\xfe" + GOOD.encode("utf-16-le"),
    "utf-16-be-bom": b"\xfe\xff" + GOOD.encode("utf-16-be"),
    "utf-16-le-bom-only": b"\xff\xfe",
    "utf-16-be-bom-only": b"\xfe\xff",
    "utf-16-le-two-boms": b"\xff\xfe\xff\xfe" + GOOD.encode("utf-16-le"),
    "utf-16-le-broken": '{"a":"\U0001f600" x'.encode("utf-16-le"),
    "utf-16-be-broken-lines": "{\n\n x".encode("utf-16-be"),
    "utf-16-le-empty-text": EMPTY_TEXT.encode("utf-16-le"),
    "utf-16-le-odd": GOOD.encode("utf-16-le")[:-1],
    "utf-16-be-odd": GOOD.encode("utf-16-be") + b"\x00",
    "utf-16-le-bom-odd": b"\xff\xfe{",
    "utf-16-le-two-bytes": "5".encode("utf-16-le"),
    "utf-16-be-two-bytes": "5".encode("utf-16-be"),
    "utf-16-le-four-bytes": "{}".encode("utf-16-le"),
    "utf-16-le-first-character-wide": '"\u4e2d"'.encode("utf-16-le"),
    "utf-16-be-first-pair": "[5".encode("utf-16-be"),
    "utf-32-le": GOOD.encode("utf-32-le"),
    "utf-32-be": GOOD.encode("utf-32-be"),
    "utf-32-le-bom": b"\xff\xfe\x00\x00" + GOOD.encode("utf-32-le"),
    "utf-32-be-bom": b"\x00\x00\xfe\xff" + GOOD.encode("utf-32-be"),
    "utf-32-le-bom-only": b"\xff\xfe\x00\x00",
    "utf-32-be-bom-only": b"\x00\x00\xfe\xff",
    "utf-32-le-one-character": "5".encode("utf-32-le"),
    "utf-32-be-one-character": "5".encode("utf-32-be"),
    "utf-32-le-broken": '{"a":"\U0001f600" x'.encode("utf-32-le"),
    "utf-32-le-truncated": GOOD.encode("utf-32-le")[:-2],
    "utf-32-be-too-large": "[".encode("utf-32-be") + b"\x00\x11\x00\x00",
    "utf-32-le-bom-odd": b"\xff\xfe\x00\x00{",
    "nul-one": b"\x00",
    "nul-two": b"\x00\x00",
    "nul-three": b"\x00\x00\x00",
    "nul-four": b"\x00\x00\x00\x00",
    "nul-first-then-text": b"\x00{}",
    "nul-second-of-three": b"5\x00\x00",
    "nul-second": b"{\x00}}}",
    "latin-1": '{"texts":[{"text":"é"}]}'.encode("latin-1"),
    "lone-continuation": b'{"texts":[{"text":"\x80"}]}',
    "overlong": b'{"texts":[{"text":"\xc0\xaf"}]}',
    "truncated-sequence": b'{"texts":[{"text":"\xf0\x9f\x98"}]}',
    "truncated-at-end": b'{"texts":[{"text":"\xe2\x82',
    "above-unicode": b'{"texts":[{"text":"\xf4\x90\x80\x80"}]}',
    "bad-utf8-in-extra": b'{"x":"\xff","texts":[{"text":"a"}]}',
    "bad-utf8-in-key": b'{"\xfe":1,"texts":[{"text":"a"}]}',
    "bad-utf8-after-json-error": b"x\xff",
    "bad-utf8-only": b"\xff",
    "bad-utf8-after-end": b"{}\x80",
    "bad-utf8-after-bom": b"\xef\xbb\xbf\xff",
    "half-bom": b"\xef\xbb",
    "surrogate-bytes-in-extra": b'{"x":"\xed\xa0\x80","texts":[{"text":"a"}]}',
    "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
}

# name: header value.
CONTENT_TYPES = {
    "json": "application/json",
    "charset": "application/json; charset=utf-8",
    "charset-no-space": "application/json;charset=UTF-8",
    "charset-ignored": "application/json; charset=utf-16",
    "parameter": 'application/json; version=1; q="a;b"',
    "trailing-semicolon": "application/json;",
    "space-before-semicolon": "application/json ;x",
    "tab": "\tapplication/json\t",
    "upper-case": "APPLICATION/JSON",
    "mixed-case": "Application/Json",
    "plus-json": "application/vnd.api+json",
    "plus-json-upper-case": "application/problem+JSON",
    "plus-json-charset": "application/ld+json; charset=utf-8",
    "plus-json-bare": "application/+json",
    "plus-json-odd": "application/a b+json",
    "plus-json-twice": "application/a+json+json",
    "plus-json-suffix": "application/vnd+jsonx",
    "json-suffix": "application/jsonp",
    "json-prefix": "application/xjson",
    "json-seq": "application/json-seq",
    "text-json": "text/json",
    "text-plain": "text/plain",
    "text-plain-charset": "text/plain; charset=utf-8",
    "text-plus-json": "text/x+json",
    "form": "application/x-www-form-urlencoded",
    "multipart": "multipart/form-data; boundary=x",
    "octet-stream": "application/octet-stream",
    "xml": "application/xml",
    "any": "*/*",
    "empty": "",
    "no-slash": "json",
    "application-only": "application",
    "no-subtype": "application/",
    "no-type": "/json",
    "two-slashes": "application/json/x",
    "slash-in-parameter": "application/json; a/b",
    "space-after-slash": "application/ json",
    "space-before-slash": "application /json",
    "list": "application/json, text/plain",
    "leading-semicolon": ";application/json",
    "leading-comma": ",application/json",
    "quoted": '"application/json"',
    "latin-1": "application/\u00e9+json",
    "latin-1-no": "application/json\u00e9",
}


def content_types() -> List[Case]:
    """Which content types are read as JSON."""
    out = [
        post(f"type-{name}", "content-type", RAW, (("Content-Type", value),)) for name, value in CONTENT_TYPES.items()
    ]
    plain = ("Content-Type", "text/plain")
    out += [
        post("type-none", "content-type", RAW, ()),
        post("type-lower-case-name", "content-type", RAW, (("content-type", "text/plain"),)),
        post("type-twice-json-first", "content-type", RAW, (JSON, plain)),
        post("type-twice-json-last", "content-type", RAW, (plain, JSON)),
        post("type-twice-empty-first", "content-type", RAW, (("Content-Type", ""), plain)),
        post("type-none-broken", "content-type", "{", ()),
        post("type-none-bad-utf8", "content-type", b"\xff", ()),
        post("type-none-form", "content-type", "texts=a", ()),
        post("type-plain-broken", "content-type", "{", (plain,)),
        post("type-plain-bad-utf8", "content-type", b"\xff", (plain,)),
        post("type-plain-space", "content-type", " ", (plain,)),
        post("type-plain-empty", "content-type", "", (plain,)),
        post("type-form-body", "content-type", "texts=a", (("Content-Type", CONTENT_TYPES["form"]),)),
        post("type-empty-body", "content-type", ""),
        post("type-none-empty-body", "content-type", "", ()),
    ]
    return out


def chunked(name: str, group: str, chunks: bytes) -> Case:
    """A chunked POST, with the chunk bytes as given."""
    return Case(name, group, Request("POST", "/predict", [HOST, JSON, ("Transfer-Encoding", "chunked")], chunks))


def framing() -> List[Case]:
    """How the body is delimited, and what HTTP itself may refuse."""
    half = len(RAW) // 2
    two = b"%x\r\n%s\r\n%X\r\n%s\r\n0\r\n\r\n" % (half, RAW[:half], len(RAW) - half, RAW[half:])
    one = b"%x\r\n%s\r\n0\r\n\r\n" % (len(RAW), RAW)
    bytewise = b"".join(b"1\r\n%c\r\n" % byte for byte in RAW) + b"0\r\n\r\n"
    multi = '{"texts":[{"text":"\U0001f600"}]}'.encode("utf-8")
    split = multi.index(b"\xf0") + 2
    inside = b"%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n" % (split, multi[:split], len(multi) - split, multi[split:])
    length = ("Content-Length", str(len(RAW)))

    def raw(name: str, group: str, headers: list, body: bytes = RAW, method: str = "POST", version: str = "HTTP/1.1"):
        return Case(name, group, Request(method, "/predict", headers, body, version))

    return [
        chunked("chunked-one", "framing", one),
        chunked("chunked-two", "framing", two),
        chunked("chunked-every-byte", "framing", bytewise),
        chunked("chunked-inside-character", "framing", inside),
        chunked("chunked-extension", "framing", b"%x;a=b\r\n%s\r\n0\r\n\r\n" % (len(RAW), RAW)),
        chunked("chunked-trailer", "framing", b"%x\r\n%s\r\n0\r\nX-Check: 1\r\n\r\n" % (len(RAW), RAW)),
        chunked("chunked-empty", "framing", b"0\r\n\r\n"),
        chunked("chunked-broken-json", "framing", b"1\r\n{\r\n0\r\n\r\n"),
        chunked("chunked-not-hex", KNOWN_DIFFERENCE, b"xyz\r\n"),
        raw("length-zero", "framing", [HOST, JSON, ("Content-Length", "0")], b""),
        raw("length-none", "framing", [HOST, JSON], b""),
        raw("length-twice-same", KNOWN_DIFFERENCE, [HOST, JSON, length, length]),
        raw("length-leading-zeros", "framing", [HOST, JSON, ("Content-Length", "00" + length[1])]),
        raw("expect-continue", "framing", [HOST, JSON, length, ("Expect", "100-continue")]),
        raw("content-encoding-ignored", "framing", [HOST, JSON, length, ("Content-Encoding", "gzip")]),
        raw("http10-length", "framing", [HOST, JSON, length], version="HTTP/1.0"),
        raw("accept-other", "framing", [HOST, JSON, length, ("Accept", "text/html")]),
        raw("accept-encoding", "framing", [HOST, JSON, length, ("Accept-Encoding", "gzip, br")]),
        raw("connection-close", "framing", [HOST, JSON, length, ("Connection", "close")]),
        raw("length-twice-different", KNOWN_DIFFERENCE, [HOST, JSON, length, ("Content-Length", "1")]),
        raw("length-negative", KNOWN_DIFFERENCE, [HOST, JSON, ("Content-Length", "-1")]),
        raw("length-not-a-number", KNOWN_DIFFERENCE, [HOST, JSON, ("Content-Length", "x")]),
        raw("transfer-encoding-gzip", KNOWN_DIFFERENCE, [HOST, JSON, ("Transfer-Encoding", "gzip, chunked")], one),
        raw("length-and-chunked", KNOWN_DIFFERENCE, [HOST, JSON, length, ("Transfer-Encoding", "chunked")], one),
    ]


def ignored() -> List[Case]:
    """What the request carries and nobody looks at: other queries, and bodies where none is wanted."""
    headers = [HOST, JSON, ("Content-Length", "1")]
    return [
        post("query-other", "framing", RAW, target="/predict?k=1&texts=a"),
        Case("get-with-body", "framing", Request("GET", "/", headers, b"{")),
        Case("get-args-with-body", "framing", Request("GET", "/args/alpha", headers, b"{")),
        Case("not-found-with-body", "framing", Request("POST", "/nope", headers, b"{")),
        Case("method-not-allowed-with-body", "framing", Request("PUT", "/predict", headers, b"{")),
    ]


def cases() -> List[Case]:
    """All cases of this file."""
    out = [post(f"encoding-{name}", "encoding", body) for name, body in ENCODINGS.items()]
    wanted = unprocessable([error(["body", "texts", 0, "text"], "field required", "value_error.missing")])
    out.append(post("failure-utf-16-missing", LESSON_500, '{"texts":[{}]}'.encode("utf-16"), linnet=wanted))
    return [*out, *content_types(), *framing(), *ignored()]
