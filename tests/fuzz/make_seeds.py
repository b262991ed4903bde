#!/usr/bin/env python3
"""Writes the seeds of the targets `artifact` and `image`: tiny artifacts, one of each kind of pipeline.

    python3 tests/fuzz/make_seeds.py

An artifact is `manifest.json NUL model.safetensors`; `artifacts/README.md` is the specification of both.
"""
import json
import struct
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
TERMS = ["a", "b", "ab", " a", "b ", "é", "aa", "ab b", "σ", "the"]
SPACE, DIGIT = [(9, 13), (32, 32), (160, 160)], [(48, 57)]
WORD = [(48, 57), (65, 90), (95, 95), (97, 122), (0xC0, 0x24F), (0x391, 0x3C9), (0x4E00, 0x9FFF)]
CASED = [(65, 90), (97, 122), (0xC0, 0x24F), (0x391, 0x3C9)]
NONE = 0xFFFFFFFF
LOWER = [(code, code + 32, NONE, NONE) for code in range(65, 91)] + [
    (0xC9, 0xE9, NONE, NONE), (0x130, 0x69, 0x307, NONE), (0x3A3, 0x3C3, NONE, NONE)]


def f64(*values):
    return "F64", struct.pack(f"<{len(values)}d", *values)


def u32(*values):
    return "U32", struct.pack(f"<{len(values)}I", *values)


def u8(text):
    return "U8", text.encode()


def rows(values):
    return u32(*(value for row in values for value in row)), (len(values), len(values[0]))


def safetensors(tensors):
    header, data = {}, b""
    for name, (tensor, shape) in sorted(tensors.items(), key=lambda item: -{"F64": 8, "U32": 4, "U8": 1}[item[1][0][0]]):
        dtype, content = tensor
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    return struct.pack("<Q", len(head)) + head + data


def artifact(vectorizer, *, cleaner=None, classes=3, calibration=None, extra=None):
    """One vectorizer over TERMS, or eight buckets; the keys of `vectorizer` stand above the defaults."""
    hashing = vectorizer.get("kind") == "hashing"
    features = 8 if hashing else len(TERMS)
    settings = {"kind": "vocabulary", "analyzer": "char_wb", "ngram_range": [1, 3], "lowercase": True,
                "token_pattern": None, "binary": False, "sublinear_tf": False, "idf": not hashing, "norm": "l2",
                "features": features, **vectorizer}
    linear = {"kind": "linear", "rows": classes, "probability": "ovr_logistic"}
    if calibration:
        linear.update(probability="calibrated", decision_function=False,
                      calibration={"method": calibration, "members": 1})
    manifest = {
        "format": "linnet", "format_version": 1, "name": "seed", "version": "1", "files": {},
        "pipeline": {"cleaner": cleaner, "vectorizers": [settings], "classifier": linear,
                     "classes": ["a", "b", "c"][:classes]},
        "probes": {"tolerance": 1e-9, "texts": [
            {"text": "", "decision": [0.5] * classes, "label": "a", "probabilities": None}]},
    }
    tensors = {
        "classifier.coef": (f64(*((at * 37 % 19 - 9) / 4 for at in range(classes * features))), (classes, features)),
        "classifier.intercept": (f64(*[0.5] * classes), (classes,)),
        "characters.space": rows(SPACE), "characters.word": rows(WORD), "characters.digit": rows(DIGIT),
        "characters.cased": rows(CASED), "characters.case_ignorable": rows([(39, 39), (0x300, 0x36F)]),
        "characters.lower": rows(LOWER), **(extra or {}),
    }
    if settings["idf"]:
        tensors["vectorizer.0.idf"] = f64(*(1 + at / 4 for at in range(features))), (features,)
    if not hashing:
        ends = [sum(len(term.encode()) for term in TERMS[:at + 1]) for at in range(features)]
        tensors["vectorizer.0.term_ends"] = u32(*ends), (features,)
        tensors["vectorizer.0.terms"] = u8("".join(TERMS)), (ends[-1],)
    return json.dumps(manifest, separators=(",", ":")).encode() + b"\0" + safetensors(tensors)


def seeds():
    word = {"analyzer": "word", "ngram_range": [1, 2], "token_pattern": r"(?u)\b\w+\b", "stop_words": ["the"]}
    lesson = {"kind": "lesson", "lower": True, "stop_words": ["the", "don't", "'s", "a"]}
    accents = {"characters.accents_unicode.codes": (u32(0xE9, 0x301), (2,)),
               "characters.accents_unicode.ends": (u32(1, 1), (2,)), "characters.accents_unicode.text": (u8("e"), (1,))}
    program = {"vectorizer.0.token_pattern.program": rows([(1, 0, 0), (2, 0, 2), (0, 0, 0)]),
               "vectorizer.0.token_pattern.sets": rows([(0x61, 0x62)]),
               "vectorizer.0.token_pattern.set_ends": (u32(1), (1,))}
    then = {"then": [{"sublinear_tf": False, "scale": True, "norm": "l1"}], "sublinear_tf": True}
    scale = {"vectorizer.0.then.0.scale": (f64(*range(1, 11)), (10,))}
    sigmoid = {"classifier.calibration.slope": (f64(-1, -2, -3), (3,)),
               "classifier.calibration.intercept": (f64(0, 1, 2), (3,))}
    isotonic = {"classifier.calibration.ends": (u32(2, 3, 5), (3,)),
                "classifier.calibration.x": (f64(-1, 1, 0, -2, 2), (5,)),
                "classifier.calibration.y": (f64(0, 1, 0.5, 0.25, 0.75), (5,))}
    return {
        "char_wb": artifact({}, cleaner=lesson),
        "char": artifact({"analyzer": "char", "norm": "l1"}, classes=3),
        "binary": artifact({"analyzer": "char", "norm": None, "binary": True, "idf": False}, classes=3),
        "word": artifact(word),
        "program": artifact({**word, "token_pattern": "[a-b]+"}, extra=program),
        "hashing": artifact({"kind": "hashing", "alternate_sign": True}),
        "accents": artifact({"strip_accents": "unicode"}, extra=accents),
        "then": artifact(then, extra=scale),
        "calibrated": artifact({}, calibration="sigmoid", extra=sigmoid),
        "isotonic": artifact({}, calibration="isotonic", extra=isotonic),
    }


def main():
    folder = CORPUS / "artifact"
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in seeds().items():
        (folder / name).write_bytes(content)
    folder = CORPUS / "image"
    folder.mkdir(parents=True, exist_ok=True)
    # A sound image of each kind, and one word from the front and one from the end set to all ones.
    for at, name in enumerate(["char_wb", "word", "hashing", "calibrated"]):
        (folder / name).write_bytes(bytes([at]))
        (folder / f"{name}_damaged").write_bytes(
            bytes([at]) + struct.pack("<HBQ", 3, 0, 5) + struct.pack("<HBQ", 3, 1, 2**64 - 1))


if __name__ == "__main__":
    main()
