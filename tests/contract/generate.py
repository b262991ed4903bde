"""Random requests: right, almost right, and mutated. The same seed gives the same requests."""

import json
import random
import string
import struct
from typing import Callable, List

from cases.case import HOST
from exchange import Request

TOKENS = [
    "{", "}", "[", "]", ":", ",", '"', "\\", "\\u", "\\ud83d", "\\ude00", "\\n", "\n", "\t", "\r", " ", "\x00",
    "\x1f", "\x7f", "null", "true", "false", "NaN", "Infinity", "-Infinity", "-", "+", ".", "e", "E5", "0", "1",
    "01", "1e400", "é", "\u2028", "\ufeff", "\U0001f600", '"texts"', '"text"', '"text":"a"', '""', "[]", "{}",
    '"__pydantic_self__"', "'", "/", "//",
]  # fmt: skip
WORDS = "transfer learning graph images of text and the deploy pipeline vision İstanbul ΣΑΣ straße c++ 图像".split()
WHITE_SPACE = ["", "", "", "", " ", "\n", "\t", "\r\n", "  "]
CONTENT_TYPES = [
    "application/json; charset=utf-8", "application/vnd.api+json", "APPLICATION/JSON", "text/plain", "", "json",
    "application/json/x", "application/ json", "application/x-www-form-urlencoded", "application/json ;a=/",
]  # fmt: skip
ENCODINGS = ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]
SEGMENTS = [
    "args", "alpha", "performance", "predict", "", "", ".", "..", "%2F", "%0A", "%C3%A9", "%FF", "%", "%25", "%3F",
    "a+b", "learning_rate", "nope", "_sa", "~", "|", "{}", "%61rgs", "a;b",
]  # fmt: skip
PATHS = ["/", "/performance", "/performance", "/args", "/args/alpha", "/args/%C3%A9x", "/args/%25", "/predict"]
ENDINGS = ["", "", "", "", "/", "/", "//", "%0A", "/%0A", "%2F", "%0A/", "%", "%20/"]
QUERIES = [
    "filter=overall", "filter=class", "filter=", "filter", "filter=over+all", "filter=%6fverall", "x=1", "&", "=",
    "%FF", "filter=nope", "a+b=c", "a=%C3%A9", "?", ";", "filter=slices", "%66ilter=overall",
]  # fmt: skip
METHODS = ["GET"] * 6 + ["POST", "PUT", "DELETE", "OPTIONS", "get"]


class Generator:
    """Makes requests one after the other."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def request(self) -> Request:
        """One request: mostly `POST /predict`, else any route."""
        return self.route() if self.random.random() < 0.15 else self.predict()

    def route(self) -> Request:
        """A request without a body. HEAD, and what the lesson answers that Linnet does not, are left out."""
        path = "/" + "/".join(self.random.choice(SEGMENTS) for _ in range(self.random.randint(0, 4)))
        if self.random.random() < 0.6:
            path = self.random.choice(PATHS) + self.random.choice(ENDINGS)
        query = "&".join(self.random.choice(QUERIES) for _ in range(self.random.randint(0, 3)))
        return Request(self.random.choice(METHODS), path + ("?" + query if query else ""), [HOST])

    def predict(self) -> Request:
        """A `POST /predict`."""
        text = self.payload()
        for _ in range(self.random.choice([0, 0, 0, 0, 0, 1, 1, 2, 4])):
            text = self.mutate(text)
        body = self.encode(text)
        headers = [HOST, ("Content-Length", str(len(body)))]
        if self.random.random() < 0.95:
            rare = self.random.random() < 0.08
            kind = self.random.choice(CONTENT_TYPES) if rare else "application/json"
            headers.append(("Content-Type", kind))
        return Request("POST", "/predict", headers, body)

    def pick(self, *makers: Callable[[], str]) -> str:
        """What one of the makers makes."""
        return self.random.choice(makers)()

    def space(self) -> str:
        """Perhaps white space."""
        return self.random.choice(WHITE_SPACE)

    def payload(self) -> str:
        """A body of the right shape, or of almost the right shape."""
        chance = self.random.random()
        if chance < 0.04:
            return self.value(3)
        if chance < 0.08:
            return self.nested()
        texts = self.texts() if self.random.random() < 0.93 else self.value(2)
        members = [(self.key("texts"), texts)]
        while self.random.random() < 0.2:
            other = self.key("texts") if self.random.random() < 0.3 else self.string()
            members.insert(self.random.randint(0, len(members)), (other, self.value(2)))
        return self.space() + self.members(members) + self.space()

    def nested(self) -> str:
        """Deep nesting around the limits, closed or not."""
        depth = self.random.choice([3, 50, 500, 960, 963, 964, 965, 966, 967, 968, 969, 1100])
        opening, closing = self.random.choice([("[", "]"), ('{"a":', "}")])
        inner = self.random.choice(["", "1", "NaN", '"a"', "1 2", "x", '"\\x', "[]", '{"b"'])
        return opening * depth + inner + (closing * depth if self.random.random() < 0.7 else "")

    def members(self, members: list) -> str:
        """An object, or rarely the list of pairs that pydantic takes for one."""
        if self.random.random() < 0.05:
            pairs = [self.pair(key, value) for key, value in members]
            return "[" + ",".join(pairs) + "]"
        written = [f"{self.space()}{key}{self.space()}:{self.space()}{value}" for key, value in members]
        return "{" + ",".join(written) + self.space() + "}"

    def pair(self, key: str, value: str) -> str:
        """A key and its value as something that Python can unpack into two, or almost."""
        return self.random.choice(
            [f"[{key},{value}]"] * 6 + [f"[{key}]", f"[{value},{key}]", f"{{{key}:1,{value}:2}}", '"ab"']
        )

    def texts(self) -> str:
        """The list of items."""
        count = self.random.choice([0, 1, 1, 1, 2, 3, 5])
        return "[" + ",".join(self.space() + self.item() + self.space() for _ in range(count)) + "]"

    def item(self) -> str:
        """One item."""
        if self.random.random() < 0.06:
            return self.value(2)
        members = [(self.key("text"), self.text_value())]
        while self.random.random() < 0.15:
            other = self.key("text") if self.random.random() < 0.4 else self.string()
            members.insert(self.random.randint(0, len(members)), (other, self.value(1)))
        if self.random.random() < 0.02:
            members.pop()
        return self.members(members)

    def text_value(self) -> str:
        """What stands for a text: mostly a string."""
        chance = self.random.random()
        if chance < 0.75:
            return self.string()
        return self.pick(self.number, self.float, self.constant) if chance < 0.95 else self.value(1)

    def key(self, name: str) -> str:
        """A key, sometimes with an escape in it."""
        if self.random.random() < 0.9:
            return f'"{name}"'
        at = self.random.randrange(len(name))
        return f'"{name[:at]}\\u{ord(name[at]):04x}{name[at + 1 :]}"'

    def value(self, depth: int) -> str:
        """Any JSON value, as Python reads JSON."""
        makers: List[Callable[[], str]] = [self.string, self.number, self.float, self.constant]
        if depth > 0:
            makers += [lambda: self.array(depth), lambda: self.object(depth)]
        return self.pick(*makers)

    def array(self, depth: int) -> str:
        """An array."""
        return "[" + ",".join(self.value(depth - 1) for _ in range(self.random.randint(0, 3))) + "]"

    def object(self, depth: int) -> str:
        """An object."""
        return self.members([(self.string(), self.value(depth - 1)) for _ in range(self.random.randint(0, 3))])

    def constant(self) -> str:
        """A word of JSON, or of Python's extension of it."""
        return self.random.choice(["null", "true", "false", "NaN", "Infinity", "-Infinity"])

    def number(self) -> str:
        """An integer, rarely one at the limit of what Python converts."""
        if self.random.random() < 0.03:
            return "9" * self.random.choice([4299, 4300, 4301])
        sign = self.random.choice(["", "", "-"])
        return sign + str(self.random.randrange(10 ** self.random.randint(1, 40)))

    def float(self) -> str:
        """A number with a fraction or an exponent, from any bit pattern or any digits."""
        (number,) = struct.unpack("<d", self.random.randbytes(8))
        plain = f"{self.random.randrange(10**6)}.{self.random.randrange(10**12)}"
        exponent = f"{self.random.choice('eE')}{self.random.choice(['', '+', '-'])}{self.random.randrange(330)}"
        digits = self.random.randint(0, 25)
        shown = (
            json.dumps(number)
            if self.random.random() < 0.5
            else f"{number:.{digits}e}".replace("nan", "NaN").replace("inf", "Infinity")
        )
        return self.random.choice(
            [shown, plain, plain + exponent, "-" + plain + exponent, str(self.random.randrange(99)) + exponent]
        )

    def string(self) -> str:
        """A JSON string: words, or any characters, written raw or escaped."""
        if self.random.random() < 0.5:
            return json.dumps(
                " ".join(self.random.choices(WORDS, k=self.random.choice([0, *range(1, 20)]))),
                ensure_ascii=self.random.random() < 0.3,
            )
        return '"' + "".join(self.character() for _ in range(self.random.choice([0, *range(1, 20)]))) + '"'

    def character(self) -> str:
        """One character inside a string, in one of the ways to write it."""
        chance = self.random.random()
        if chance < 0.5:
            return self.random.choice(string.ascii_letters + string.digits + " .,-")
        if chance < 0.65:
            return self.random.choice(["\\n", "\\t", '\\"', "\\\\", "\\/", "\\b", "\\f", "\\r"])
        code = self.random.choice([self.random.randrange(0x20, 0x500), self.random.randrange(0x20, 0x110000)])
        if 0xD800 <= code < 0xE000 and self.random.random() < 0.9:
            code -= 0x800
        if chance < 0.8 and not 0xD800 <= code < 0xE000 and chr(code) not in '"\\':
            return chr(code)
        escaped = json.dumps(chr(code))[1:-1]
        return escaped.upper().replace("\\U", "\\u") if self.random.random() < 0.3 and escaped[:2] == "\\u" else escaped

    def mutate(self, text: str) -> str:
        """One small damage."""
        start = self.random.randint(0, len(text))
        end = min(len(text), start + self.random.choice([0, 1, 1, 1, 2, 5, 20]))
        kind = self.random.randrange(5)
        if kind == 0:
            return text[:start] + text[end:]
        if kind == 1:
            return text[:start] + self.random.choice(TOKENS) + text[start:]
        if kind == 2:
            return text[:start] + self.random.choice(TOKENS) + text[end:]
        if kind == 3:
            return text[:end] + text[start:]
        return text[:start] if self.random.random() < 0.5 else text + self.random.choice(TOKENS)

    def encode(self, text: str) -> bytes:
        """Bytes: nearly always UTF-8, rarely another encoding or damaged bytes."""
        chance = self.random.random()
        encoding = self.random.choice(ENCODINGS) if chance < 0.06 else "utf-8"
        body = text.encode(encoding, "surrogatepass")
        if chance > 0.96 and body:
            at = self.random.randrange(len(body))
            body = body[:at] + self.random.randbytes(self.random.randint(0, 2)) + body[at + self.random.randint(0, 1) :]
        return body
