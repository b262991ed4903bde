"""Bodies that are JSON: predictions, pydantic's coercions and its errors."""

from typing import Any, Dict, List

from exchange import Request
from failure import LONE_SURROGATES, error, unprocessable

from .case import LESSON_500, Case, post

# The lesson's own curl lines, byte for byte what curl sends.
CURL_PREDICT = """{
    "texts": [
        {"text": "Transfer learning with transformers for text classification."},
        {"text": "Generative adversarial networks for image generation."}
      ]
    }"""
CURL_HEADERS = [
    ("Host", "0.0.0.0:8000"),
    ("User-Agent", "curl/7.88.1"),
    ("accept", "application/json"),
    ("Content-Type", "application/json"),
]


def curl(name: str, body: str) -> Case:
    """A POST as curl sends it."""
    headers = [*CURL_HEADERS, ("Content-Length", str(len(body)))]
    return Case(name, "curl", Request("POST", "/predict", headers, body.encode("utf-8")))


def text(value: str) -> str:
    """A body with one text whose value is this JSON, as it stands."""
    return '{"texts":[{"text":' + value + "}]}"


# name: the JSON of one text. Strings, and how they come back.
STRINGS = {
    "plain": '"Graph neural networks for molecules."',
    "space": '" "',
    "spaces-kept": '"  a  "',
    "escapes": r'"\"\\\/\b\f\n\r\t"',
    "unicode-escape": r'"\u0041\u00e9\u4e2d"',
    "unicode-escape-upper": r'"\u00C9\u00AB"',
    "surrogate-pair": r'"\ud83d\ude00 graph"',
    "surrogate-pair-upper": r'"\uD83D\uDE00"',
    "nul": r'"a\u0000b"',
    "controls": r'"\u0001\u0007\u000b\u001b\u001f"',
    "delete": '"a\x7fb"',
    "c1": '"\u0080\u0085\u009f"',
    "line-separators": '"a\u2028b\u2029c"',
    "bom-inside": '"\ufeffa"',
    "noncharacters": '"\uffff\ufffe\U0010ffff"',
    "emoji": '"\U0001f600\U0001f468\u200d\U0001f469"',
    "combining": '"e\u0301"',
    "cjk": '"\u56fe\u50cf\u5206\u7c7b"',
    "html": '"<script>&amp;</script>"',
    "slash": '"a/b"',
    "timestamp": '"\\"timestamp\\":\\"2022-05-25T12:23:34.381614\\""',
    "long": '"' + "deep learning " * 300 + '"',
    "mlops": '"Deploy machine learning models with Docker and monitoring in production."',
    "vision": '"Object detection on images with convolutional networks."',
}

# name: the JSON of one text that is no string.
COERCIONS = {
    "zero": "0",
    "minus-zero": "-0",
    "five": "5",
    "negative": "-17",
    "long-integer": "123456789012345678901234567890",
    "u64-max-plus-one": "18446744073709551616",
    "i64-min": "-9223372036854775808",
    "integer-4300-digits": "7" * 4300,
    "negative-4300-digits": "-" + "7" * 4300,
    "true": "true",
    "false": "false",
    "nan": "NaN",
    "infinity": "Infinity",
    "minus-infinity": "-Infinity",
    "overflow": "1e400",
    "minus-overflow": "-1e400",
    "underflow": "1e-400",
    "minus-zero-float": "-0.0",
    "zero-exponent": "0e5",
    "float-integer": "5.0",
    "float": "3.14",
    "float-trailing-zeros": "1.500",
    "exponent": "1e5",
    "exponent-upper": "1E+5",
    "exponent-15": "1e15",
    "exponent-16": "1e16",
    "exponent-17-digits": "12345678901234567.0",
    "exponent-22": "1e22",
    "exponent-23": "1e23",
    "small-4": "0.0001",
    "small-5": "0.00001",
    "small-mixed": "1.25e-7",
    "tenth": "0.1",
    "three-tenths": "0.30000000000000004",
    "float-max": "1.7976931348623157e308",
    "float-min-normal": "2.2250738585072014e-308",
    "float-denormal": "5e-324",
    "float-halfway": "9007199254740993.0",
    "float-many-digits": "0." + "1" * 5000,
    "float-long-integer-part": "1" * 320 + ".0",
    "list": '["a"]',
    "empty-list": "[]",
    "object": '{"a":"b"}',
    "empty-object": "{}",
}

# name: a whole body that the lesson takes or refuses by its shape.
SHAPES = {
    "body-null": "null",
    "body-true": "true",
    "body-false": "false",
    "body-number": "5",
    "body-zero": "0",
    "body-float": "1.5",
    "body-nan": "NaN",
    "body-string": '"texts"',
    "body-empty-string": '""',
    "body-empty-object": "{}",
    "body-empty-list": "[]",
    "body-list": '[{"text":"a"}]',
    "body-nested-list": '[["a"]]',
    "body-pairs": '[["texts",[{"text":"pairs"}]]]',
    "body-pairs-extra": '[["x",1],["texts",[{"text":"pairs"}]],["y",null]]',
    "body-pairs-twice": '[["texts",[]],["texts",[{"text":"last"}]]]',
    "body-pair-of-three": '[["texts",[{"text":"a"}],1]]',
    "body-pair-of-one": '[["texts"]]',
    "body-pair-list-key": '[[["texts"],[]]]',
    "body-pair-object-key": '[[{"texts":1},[]]]',
    "body-pair-number-key": "[[1,2]]",
    "body-pair-null-key": "[[null,2]]",
    "body-pair-true-key": '[[true,2],["texts",[]]]',
    "body-pair-nan-key": "[[NaN,2]]",
    "body-pair-string": '["ab"]',
    "body-pair-string-astral": '["\U0001f600\U0001f601"]',
    "body-pair-string-three": '["abc"]',
    "body-pair-object": '[{"texts":1,"b":2}]',
    "body-pair-object-one": '[{"texts":1}]',
    "body-pair-mixed-bad": '["ab",5]',
    "body-pydantic-self": '{"__pydantic_self__":1,"texts":[{"text":"a"}]}',
    "body-pydantic-self-pairs": '[["__pydantic_self__",1],[2,3]]',
    "body-self": '{"self":1,"cls":2,"__root__":3,"data":4,"texts":[{"text":"a"}]}',
    "body-fields-set": '{"__fields_set__":[],"__dict__":1,"__class__":2,"texts":[{"text":"a"}]}',
    "texts-missing": '{"text":"a"}',
    "texts-case": '{"Texts":[{"text":"a"}]}',
    "texts-null": '{"texts":null}',
    "texts-empty": '{"texts":[]}',
    "texts-object": '{"texts":{"text":"a"}}',
    "texts-empty-object": '{"texts":{}}',
    "texts-string": '{"texts":"a"}',
    "texts-empty-string": '{"texts":""}',
    "texts-number": '{"texts":5}',
    "texts-zero": '{"texts":0}',
    "texts-true": '{"texts":true}',
    "texts-nan": '{"texts":NaN}',
    "texts-duplicate-last-good": '{"texts":5,"texts":[{"text":"last"}]}',
    "texts-duplicate-last-bad": '{"texts":[{"text":"first"}],"texts":5}',
    "texts-escaped-key": '{"\\u0074exts":[{"text":"a"}]}',
    "texts-duplicate-escaped-key": '{"texts":5,"te\\u0078ts":[{"text":"last"}]}',
    "item-null": '{"texts":[null]}',
    "item-string": '{"texts":["a"]}',
    "item-string-of-two": '{"texts":["ab"]}',
    "item-number": '{"texts":[5]}',
    "item-true": '{"texts":[true]}',
    "item-nan": '{"texts":[NaN]}',
    "item-list-of-string": '{"texts":[["abc"]]}',
    "item-nested-list": '{"texts":[[["text","pair"]]]}',
    "item-pairs-two": '{"texts":[[["text","first"],["text","last"]]]}',
    "item-pairs-number": '{"texts":[[["text",5]]]}',
    "item-pairs-empty-text": '{"texts":[[["text",""]]]}',
    "item-pair-object": '{"texts":[[{"text":1,"a":2}]]}',
    "item-pair-object-key-value": '{"texts":[[{"text":1,"b":2},["text","x"]]]}',
    "item-pair-number-key": '{"texts":[[[1,2]]]}',
    "item-pair-list-key": '{"texts":[[[[],2]]]}',
    "item-pydantic-self": '{"texts":[{"__pydantic_self__":1,"text":"a"}]}',
    "item-extra-keys": '{"texts":[{"id":1,"text":"a","tags":["x",{"y":null}]}],"more":{"deep":[1,2,[3]]}}',
    "item-duplicate-text": '{"texts":[{"text":"first","text":"last"}]}',
    "item-duplicate-text-last-empty": '{"texts":[{"text":"first","text":""}]}',
    "item-duplicate-text-first-bad": '{"texts":[{"text":[],"text":"last"}]}',
    "item-escaped-key": '{"texts":[{"t\\u0065xt":"a"}]}',
    "item-text-case": '{"texts":[{"Text":"a","text":"b"}]}',
    "item-nul-key": '{"texts":[{"text\\u0000":"a","text":"b"}]}',
    "extra-lone-surrogate": '{"texts":[{"text":"a","x":"\\ud800"}],"\\udfff":1}',
    "extra-huge-float": '{"texts":[{"text":"a"}],"x":[1e999,-1e999,NaN]}',
    "extra-integer-4300-digits": '{"texts":[{"text":"a"}],"x":' + "9" * 4300 + "}",
    "empty-text": text('""'),
    "several-empty": '{"texts":[{"text":""},{"text":"a"},{"text":""}]}',
    "several-kinds": '{"texts":[null,5,"ab",[],{"text":""},{"text":[]},{"text":{}},{"text":"fine"},[[1,2]]]}',
    "several-and-null-text": '{"texts":[{"text":null},{"text":""},{}]}',
    "many-texts": '{"texts":[' + ",".join(f'{{"text":"text {i}"}}' for i in range(100)) + "]}",
    "many-errors": '{"texts":[' + ",".join('{"text":""}' for _ in range(20)) + "]}",
    "white-space": ' \t\r\n{ "texts" :\n[ {\t"text"\r: "a" } ] } \n',
    "same-text-twice": '{"texts":[{"text":"same"},{"text":"same"}]}',
}


def at(index: int) -> List[Any]:
    """The location of one text."""
    return ["body", "texts", index, "text"]


def null(index: int) -> Dict[str, Any]:
    """A null text."""
    return error(at(index), "none is not an allowed value", "type_error.none.not_allowed")


def missing(index: int) -> Dict[str, Any]:
    """A missing text."""
    return error(at(index), "field required", "value_error.missing")


def lone(index: int) -> Dict[str, Any]:
    """A text that no UTF-8 can hold."""
    return error(at(index), LONE_SURROGATES, "value_error.unicode")


# name: body and the errors that Linnet gives where the lesson answers 500.
FAILURES = {
    "text-null": (text("null"), [null(0)]),
    "text-missing": ('{"texts":[{}]}', [missing(0)]),
    "text-missing-extra": ('{"texts":[{"txt":"a"}]}', [missing(0)]),
    "text-case": ('{"texts":[{"Text":"a"}]}', [missing(0)]),
    "item-empty-list": ('{"texts":[[]]}', [missing(0)]),
    "item-empty-string": ('{"texts":[""]}', [missing(0)]),
    "item-pairs-of-strings": ('{"texts":[["ab","cd"]]}', [missing(0)]),
    "item-pairs-null": ('{"texts":[[["text",null]]]}', [null(0)]),
    "item-duplicate-last-null": ('{"texts":[{"text":"a","text":null}]}', [null(0)]),
    "second-null": ('{"texts":[{"text":"a"},{"text":null}]}', [null(1)]),
    "several": (
        '{"texts":[{"text":null},{"text":"a"},{},{"text":"\\ud800"},{"text":null}]}',
        [null(0), missing(2), lone(3), null(4)],
    ),
    "lone-high": (text(r'"\ud800"'), [lone(0)]),
    "lone-low": (text(r'"a\udfffb"'), [lone(0)]),
    "reversed-pair": (text(r'"\ude00\ud83d"'), [lone(0)]),
    "high-then-escape": (text(r'"\ud83d\u0041"'), [lone(0)]),
    "high-high-low": (text(r'"\ud83d\ud83d\ude00"'), [lone(0)]),
    "pair-split-by-text": (text(r'"\ud83d \ude00"'), [lone(0)]),
    "surrogate-bytes": (b'{"texts":[{"text":"\xed\xa0\x80"}]}', [lone(0)]),
    "surrogate-pair-bytes": (b'{"texts":[{"text":"\xed\xa0\xbd\xed\xb8\x80"}]}', [lone(0)]),
    "surrogate-escape-and-bytes": (b'{"texts":[{"text":"\\ud83d\xed\xb8\x80"}]}', [lone(0)]),
    "surrogate-utf-16": ('{"texts":[{"text":"\ud800a"}]}'.encode("utf-16-le", "surrogatepass"), [lone(0)]),
    "surrogate-utf-32": ('{"texts":[{"text":"\ud83d\ude00"}]}'.encode("utf-32-be", "surrogatepass"), [lone(0)]),
}


def cases() -> List[Case]:
    """All cases of this file."""
    out = [
        curl("curl-predict", CURL_PREDICT),
        curl("curl-predict-empty-text", '{"texts":[{"text":""}]}'),
        curl("curl-predict-empty-list", '{"texts":[]}'),
    ]
    out += [post(f"string-{name}", "string", text(value)) for name, value in STRINGS.items()]
    out += [post(f"coercion-{name}", "coercion", text(value)) for name, value in COERCIONS.items()]
    out += [post(f"shape-{name}", "validation", body) for name, body in SHAPES.items()]
    for name, (body, errors) in FAILURES.items():
        out.append(post(f"failure-{name}", LESSON_500, body, linnet=unprocessable(errors)))
    return out
