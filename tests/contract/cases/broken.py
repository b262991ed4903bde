"""Bodies that are not JSON: Python's messages and positions, numbers and nesting that its parser gives up on."""

from typing import List

from failure import error, unprocessable

from .case import LESSON_500, Case, post

# What precedes the defect, so that position, line and column part ways.
MULTI_BYTE = '{"é中\U0001f600":"ß",'
LINES = '{\n "a": 1,\r\n\t"b": "x",\r "c": [\n'

# name: body.
BROKEN = {
    # Expecting value
    "value-white-space": " \n ",
    "value-word": "texts",
    "value-single-quotes": "{'texts':[]}",
    "value-single-quoted": "{\"texts\":'a'}",
    "value-missing": '{"texts":}',
    "value-missing-end": '{"texts":',
    "value-missing-space-end": '{"texts": \n',
    "value-list-open": "[",
    "value-list-open-space": "[ \n",
    "value-list-trailing-comma": '{"texts":[{"text":"a"},]}',
    "value-list-comma-end": "[1,",
    "value-list-comma-space-end": "[1, \n ",
    "value-list-leading-comma": "[,1]",
    "value-list-double-comma": "[1,,2]",
    "value-True": '{"texts":True}',
    "value-tru": "tru",
    "value-truex": "truex",
    "value-nul": '{"a":nul}',
    "value-fals": "[fals",
    "value-nan-lower": '{"a":nan}',
    "value-NaN-short": '{"a":Na}',
    "value-Infinity-short": "[Infinit]",
    "value-minus": '{"a":-}',
    "value-minus-end": "-",
    "value-minus-Infinit": "[-Infinit]",
    "value-minus-NaN": "[-NaN]",
    "value-plus": "[+1]",
    "value-dot": "[.5]",
    "value-minus-dot": "[-.5]",
    "value-hash": "#",
    "value-comment": "/* a */ {}",
    "value-close": "}",
    "value-close-list": "]",
    "value-wrong-close": '{"texts":[}',
    "value-nul-byte-text": '{"a":\x00}',
    "value-form-feed": '{"a":\x0c1}',
    "value-vertical-tab": "\x0b{}",
    "value-no-break-space": "\u00a0{}",
    "value-ideographic-space": '{"a":\u30001}',
    "value-next-line": "\u0085{}",
    "value-arabic-digit": '{"a":\u0663}',
    "value-bom-inside": '{"a":\ufeff1}',
    "value-form": "texts=a&text=b",
    "value-html": "<html></html>",
    "value-undefined": '{"a":undefined}',
    # Numbers that stop early
    "number-leading-zero": '{"a":01}',
    "number-minus-leading-zero": "[-01]",
    "number-trailing-dot": '{"a":1.}',
    "number-exponent-empty": '{"a":1e}',
    "number-exponent-sign": "[1e+]",
    "number-two-dots": "[1.2.3]",
    "number-hex": '{"a":0x10}',
    "number-underscore": "[1_000]",
    "number-root-leading-zero": "01",
    "number-root-dot": "1.",
    "number-infinity-word": "Infinityx",
    "number-fullwidth": "[1\uff11]",
    # Expecting property name enclosed in double quotes
    "name-end": "{",
    "name-space-end": "{ \n",
    "name-number": "{1:2}",
    "name-bare": "{texts:[]}",
    "name-trailing-comma": '{"texts":[{"text":"a"}],}',
    "name-trailing-comma-space": '{"a":1, }',
    "name-comma-end": '{"a":1,',
    "name-comma-space-end": '{"a":1, \n ',
    "name-double-comma": '{"a":1,,"b":2}',
    "name-leading-comma": '{,"a":1}',
    "name-null": "{null:1}",
    "name-nested": '{"texts":[{text:"a"}]}',
    "name-close-list": "{]",
    "name-single-quotes-second": "{\"a\":1,'b':2}",
    # Expecting ':' delimiter
    "colon-missing": '{"texts" [1]}',
    "colon-end": '{"texts"',
    "colon-space-end": '{"texts" \n',
    "colon-comma": '{"texts","a"}',
    "colon-equals": '{"texts"=[]}',
    "colon-close": '{"texts"}',
    "colon-after-spaces": '{"a" \t\n x:1}',
    "colon-double": '{"a"::1}',
    # Expecting ',' delimiter
    "comma-object": '{"a":1 "b":2}',
    "comma-object-end": '{"a":1',
    "comma-object-space-end": '{"a":1 \n ',
    "comma-object-wrong-close": '{"a":1]',
    "comma-list": "[1 2]",
    "comma-list-end": "[1",
    "comma-list-space-end": "[1 \n ",
    "comma-list-wrong-close": "[1}",
    "comma-list-colon": "[1:2]",
    "comma-after-string": '{"a":"b"c"}',
    "comma-unescaped-quote": '{"texts":[{"text":"a "quoted" word"}]}',
    "comma-texts-end": '{"texts":[{"text":"a"}',
    "comma-truex": "[truex]",
    "comma-semicolon": "[1;2]",
    # Extra data
    "extra-object": '{"texts":[{"text":"a"}]}{}',
    "extra-word": "{} x",
    "extra-close": '{"texts":[]}}',
    "extra-comma": "{},",
    "extra-lines": "{}\n{}\n",
    "extra-after-string": '"a""b"',
    "extra-nul": "{}\x00\x00\x00",
    "extra-nul-character": '{"a":1}\x00',
    "extra-form-feed": "{}\x0c",
    "extra-no-break-space": "{}\u00a0",
    # Unterminated string starting at
    "string-open": '"',
    "string-open-text": '{"texts":[{"text":"a',
    "string-open-key": '{"tex',
    "string-open-first-key": '{"',
    "string-open-second-key": '{"a":1,"',
    "string-open-escape": '{"a":"\\',
    "string-open-escaped-quote": '{"a":"b\\"}',
    "string-open-after-escape": '{"a":"\\n',
    "string-open-multi-byte": '["é\U0001f600',
    # Invalid control character at
    "control-newline": '{"texts":[{"text":"a\nb"}]}',
    "control-tab": '{"a":"\t"}',
    "control-carriage-return": '{"a":"x\ry"}',
    "control-nul": '{"a":"x\x00y"}',
    "control-unit-separator": '{"a":"\x1f"}',
    "control-in-key": '{"a\nb":1}',
    "control-after-escape": '{"a":"\\u00e9\n"}',
    "control-at-start": '["\x01',
    # Invalid \escape
    "escape-x": '{"a":"\\x41"}',
    "escape-quote": '{"a":"it\\\'s"}',
    "escape-upper-n": '{"a":"\\N"}',
    "escape-upper-u": '{"a":"\\U0041"}',
    "escape-space": '{"a":"b\\ c"}',
    "escape-newline": '{"a":"b\\\nc"}',
    "escape-digit": '["\\0"]',
    "escape-multi-byte": '["ab\\é"]',
    "escape-astral": '["\\\U0001f600"]',
    "escape-in-key": '{"\\a":1}',
    "escape-windows-path": '{"texts":[{"text":"C:\\data"}]}',
    # Invalid \uXXXX escape
    "unicode-short": '{"a":"\\u12"}',
    "unicode-empty": '{"a":"\\u"}',
    "unicode-end": '{"a":"\\u',
    "unicode-end-3": '{"a":"\\u123',
    "unicode-end-4": '{"a":"\\u1234',
    "unicode-not-hex": '{"a":"\\u12g4"}',
    "unicode-plus": '{"a":"\\u+041"}',
    "unicode-0x": '{"a":"\\u0x41"}',
    "unicode-space": '{"a":"\\u 041"}',
    "unicode-underscore": '{"a":"\\u0_41"}',
    "unicode-fullwidth": '{"a":"\\u\uff11234"}',
    "unicode-braces": '{"a":"\\u{1F600}"}',
    "unicode-in-key": '{"\\u00":1}',
    "unicode-second-short": '{"a":"\\ud83d\\u"}',
    "unicode-second-not-hex": '{"a":"\\ud83d\\uzzzz"}',
    "unicode-second-end": '{"a":"\\ud83d\\ude',
    "unicode-second-cut-short": '["\\ud83d\\ude00',
    "unicode-second-at-end": '["\\ud83d\\ude00"',
    "unicode-second-high": '["\\ud83d\\ud83d\\uzzzz"]',
    "unicode-second-escape": '{"a":"\\ud83d\\x"}',
    # Positions count code points, lines end at \n alone
    "position-multi-byte": MULTI_BYTE + '"a" 1}',
    "position-multi-byte-value": MULTI_BYTE + '"a":x}',
    "position-multi-byte-extra": MULTI_BYTE + '"a":1}é x',
    "position-multi-byte-string": MULTI_BYTE + '"\U0001f600\U0001f600',
    "position-lines": LINES + " 1 2]}",
    "position-lines-value": LINES + "x",
    "position-lines-end": LINES,
    "position-lines-at-start": "\n\n\nx",
    "position-crlf-only": "\r\r\nx",
    "position-u2028": '{"a":"\u2028\u0085",x',
    "position-lines-string": '{"a":1,\n"b":"\\x',
    "position-escaped-newline": '{"a":"\\n\\n",x',
    "position-long": "[" + "1," * 2000 + "x",
    # The document comes back whole and escaped
    "doc-escapes": '{"a":"\\"\\\\\\u0000\\ud800\\/" x',
    "doc-quotes": "{'a': \"b\\\\\"}",
    "doc-controls": "\x01\x08\x0c\x1b\x7f",
    "doc-u2028": "\u2028\u2029",
    "doc-nul": "xyz\x00\x00",
    # Errors of the parser hide errors of the schema
    "schema-and-parse": '{"texts":[{"text":""}],}',
}

LIMIT_DIGITS = 4300  # CPython's default limit for converting text to an integer.

# name: body that the parser gives up on with something other than a JSON error; the lesson answers 400.
GIVEN_UP = {
    "integer-4301-digits": '{"texts":[{"text":' + "7" * (LIMIT_DIGITS + 1) + "}]}",
    "negative-4301-digits": '{"texts":[{"text":-' + "7" * (LIMIT_DIGITS + 1) + "}]}",
    "integer-4301-digits-extra": '{"x":' + "7" * (LIMIT_DIGITS + 1) + ',"texts":[{"text":"a"}]}',
    "integer-4301-digits-root": "7" * (LIMIT_DIGITS + 1),
    "integer-4301-digits-before-error": "[" + "7" * (LIMIT_DIGITS + 1) + " x",
    "integer-4301-digits-after-error": "[x," + "7" * (LIMIT_DIGITS + 1),
    "integer-4301-digits-then-dot": "[" + "7" * (LIMIT_DIGITS + 1) + ".]",
    "float-4301-digits": '{"texts":[{"text":' + "7" * (LIMIT_DIGITS + 1) + ".0}]}",
    "exponent-4301-digits": '{"texts":[{"text":0.0e' + "7" * (LIMIT_DIGITS + 1) + "}]}",
    "duplicate-4301-digits": '{"texts":' + "7" * (LIMIT_DIGITS + 1) + ',"texts":[{"text":"a"}]}',
}

# The most containers that may be open under the `uvicorn` script, as measured; three fewer where C code words an error.
LIMIT_OPEN = 967
LIMIT_OPEN_ERROR = 964
LIMIT_OPEN_CONSTANT = 966


def nesting() -> List[Case]:
    """Nesting at, below and above each limit; `n` is the number of containers open at the deepest point."""

    def rows(name: str, limit: int, body) -> List[Case]:
        return [post(f"nesting-{name}-{n}", "nesting", body(n)) for n in (limit - 1, limit, limit + 1, limit + 2)]

    texts = '"texts":[{"text":"a"}]}'
    out = rows("array", LIMIT_OPEN, lambda n: "[" * n + "]" * n)
    out += rows("object", LIMIT_OPEN, lambda n: '{"a":' * n + "1" + "}" * n)
    out += rows("mixed", LIMIT_OPEN, lambda n: '[{"a":' * (n // 2) + ("[]" if n % 2 else "1") + "}]" * (n // 2))
    out += rows("extra-array", LIMIT_OPEN, lambda n: '{"x":' + "[" * (n - 1) + "]" * (n - 1) + "," + texts)
    out += rows("extra-object", LIMIT_OPEN, lambda n: '{"x":' + '{"a":' * (n - 2) + "{}" + "}" * (n - 2) + "," + texts)
    out += rows("text", LIMIT_OPEN, lambda n: '{"texts":[{"text":' + "[" * (n - 3) + "]" * (n - 3) + "}]}")
    out += rows("string-inside", LIMIT_OPEN, lambda n: "[" * n + '"a\\u00e9"' + "]" * n)
    out += rows("number-inside", LIMIT_OPEN, lambda n: "[" * n + "-1.5e3" + "]" * n)
    out += rows("open-array", LIMIT_OPEN, lambda n: "[" * n)
    out += rows("open-object", LIMIT_OPEN, lambda n: '{"a":' * n)
    out += rows("bad-value", LIMIT_OPEN, lambda n: "[" * n + "x")
    out += rows("closed-then-extra", LIMIT_OPEN, lambda n: "[" * n + "]" * n + "x")
    out += rows("nan", LIMIT_OPEN_CONSTANT, lambda n: "[" * n + "NaN" + "]" * n)
    out += rows("minus-infinity", LIMIT_OPEN_CONSTANT, lambda n: "[" * n + "-Infinity" + "]" * n)
    out += rows("comma", LIMIT_OPEN_ERROR, lambda n: "[" * n + "1 2")
    out += rows("comma-object", LIMIT_OPEN_ERROR, lambda n: '{"a":' * n + "1 2")
    out += rows("colon", LIMIT_OPEN_ERROR, lambda n: "[" * (n - 1) + '{"a" 1')
    out += rows("name", LIMIT_OPEN_ERROR, lambda n: "[" * (n - 1) + "{x")
    out += rows("open-string", LIMIT_OPEN_ERROR, lambda n: "[" * n + '"abc')
    out += rows("bad-escape", LIMIT_OPEN_ERROR, lambda n: "[" * n + '"\\x"')
    out += [
        post("nesting-in-string", "nesting", '{"texts":[{"text":"' + "[" * 2000 + '"}]}'),
        post("nesting-wide", "nesting", '{"x":[' + "[]," * 3000 + "[]]," + texts),
        post("nesting-deep-after-error", "nesting", "x" + "[" * 2000),
        post("nesting-very-deep", "nesting", "[" * 20_000),
    ]
    return out


def unwritable() -> List[Case]:
    """Broken JSON that holds a lone surrogate by its bytes: the lesson fails when it echoes the document."""
    rows = {
        "utf-8": (b'{"a":"\xed\xa0\x80"', "Expecting ',' delimiter", 8),
        "utf-16": ('{"a":"\udc00"x'.encode("utf-16-le", "surrogatepass"), "Expecting ',' delimiter", 8),
    }
    out = []
    for name, (body, message, position) in rows.items():
        shown = f"{message}: line 1 column {position + 1} (char {position})"
        wanted = unprocessable([error(["body", position], shown, "value_error")])
        out.append(post(f"unwritable-{name}", LESSON_500, body, linnet=wanted))
    return out


def cases() -> List[Case]:
    """All cases of this file."""
    out = [post(f"broken-{name}", "json-error", body) for name, body in BROKEN.items()]
    out += [post(f"given-up-{name}", "given-up", body) for name, body in GIVEN_UP.items()]
    return [*out, *nesting(), *unwritable()]
