"""Paths, queries, methods, redirects and the echoed URL."""

from typing import Iterator, List

from exchange import Request

from .case import HEAD, HOST, KNOWN_DIFFERENCE, Case, get, post

TEXTS = '{"texts":[{"text":"Transfer learning with transformers."}]}'

# name: target, each sent as GET with the usual Host.
TARGETS = {
    "index": {
        "index": "/",
        "index-empty-query": "/?",
        "index-query": "/?a=b&c",
        "index-query-percent": "/?a=%C3%A9%2F%zz&b=+",
        "index-query-question-marks": "/??a?b",
        "index-newline": "/%0A",
    },
    "performance": {
        "performance": "/performance",
        "performance-overall": "/performance?filter=overall",
        "performance-class": "/performance?filter=class",
        "performance-slices": "/performance?filter=slices",
        "performance-nested-name": "/performance?filter=mlops",
        "performance-unknown": "/performance?filter=nope",
        "performance-empty": "/performance?filter=",
        "performance-no-value": "/performance?filter",
        "performance-repeated": "/performance?filter=class&filter=overall",
        "performance-repeated-last-unknown": "/performance?filter=overall&filter=nope",
        "performance-repeated-last-empty": "/performance?filter=overall&filter=",
        "performance-percent": "/performance?filter=%6Fverall",
        "performance-percent-name": "/performance?%66ilter=overall",
        "performance-plus": "/performance?filter=over+all",
        "performance-leading-plus": "/performance?filter=+overall",
        "performance-bad-utf8": "/performance?filter=%FF",
        "performance-bad-escape": "/performance?filter=overall%",
        "performance-upper-case-name": "/performance?Filter=overall",
        "performance-upper-case-value": "/performance?filter=Overall",
        "performance-other-query": "/performance?x=1&filter=overall&y=2",
        "performance-semicolon": "/performance?x=1;filter=overall",
        "performance-double-equals": "/performance?filter==overall",
        "performance-empty-pairs": "/performance?&&filter=overall&",
        "performance-encoded-ampersand": "/performance?x=1%26filter=overall",
        "performance-encoded-equals": "/performance?filter%3Doverall",
        "performance-second-question-mark": "/performance??filter=overall",
        "performance-nul": "/performance?filter=overall%00",
        "performance-newline": "/performance%0A?filter=overall",
    },
    "args": {
        "args": "/args",
        "args-query": "/args?x=1",
        "args-newline": "/args%0A",
        "args-encoded-name": "/%61rg%73",
        "arg-learning-rate": "/args/learning_rate",
        "arg-alpha": "/args/alpha",
        "arg-analyzer": "/args/analyzer",
        "arg-lower": "/args/lower",
        "arg-subset": "/args/subset",
        "arg-unknown": "/args/nope",
        "arg-query": "/args/alpha?x=y",
        "arg-upper-case": "/args/ALPHA",
        "arg-percent-known": "/args/%61lpha",
        "arg-trailing-space": "/args/alpha%20",
        "arg-utf8": "/args/%C3%A9t%C3%A9",
        "arg-emoji": "/args/%F0%9F%98%80",
        "arg-bad-utf8": "/args/%FF",
        "arg-bad-utf8-run": "/args/%F0%9F%98x%E2%82%C0%80",
        "arg-utf8-surrogate": "/args/%ED%A0%80",
        "arg-bad-escape": "/args/%zz%2",
        "arg-double-escape": "/args/%2561lpha",
        "arg-plus": "/args/a+b",
        "arg-encoded-plus": "/args/a%2Bb",
        "arg-dot": "/args/.",
        "arg-dots": "/args/..",
        "arg-encoded-dots": "/args/%2E%2E",
        "arg-question-mark": "/args/a%3Fb",
        "arg-hash": "/args/a%23b",
        "arg-quote": "/args/%22%5C",
        "arg-raw-quote": '/args/"a\\',
        "arg-reserved": "/args/a;b=c,d:@!$&'()*",
        "arg-odd-raw": "/args/{a}|^",
        "arg-nul": "/args/%00",
        "arg-controls": "/args/%01%08%09%0C%0D%1F%7F%C2%80",
        "arg-newline": "/args/%0A",
        "arg-ends-with-newline": "/args/alpha%0A",
        "arg-line-separators": "/args/%E2%80%A8%E2%80%A9",
        "arg-sa-prefix": "/args/_sa_instance_state",
        "arg-sa-bare": "/args/_sa",
        "arg-dunder": "/args/__class__",
        "arg-long": "/args/" + "a" * 2000,
    },
    "redirect": {
        "redirect-performance": "/performance/",
        "redirect-performance-query": "/performance/?filter=overall",
        "redirect-args": "/args/",
        "redirect-args-two": "/args//",
        "redirect-args-many": "/args////",
        "redirect-arg": "/args/alpha/",
        "redirect-arg-two": "/args/alpha//",
        "redirect-predict": "/predict/",
        "redirect-query": "/args/?x=%C3%A9&y=/&z=%zz",
        "redirect-empty-query": "/args/?",
        "redirect-query-odd": "/args/?a|b^`{}\\?[]",
        "redirect-utf8": "/args/%C3%A9/",
        "redirect-emoji": "/args/%F0%9F%98%80/",
        "redirect-bad-utf8": "/args/%FF/",
        "redirect-encoded-slash": "/args/alpha%2F",
        "redirect-encoded-slashes": "/args/alpha%2F%2F/",
        "redirect-percent": "/args/%25/",
        "redirect-percent-escape": "/args/%2541/",
        "redirect-question-mark": "/args/a%3Fb/",
        "redirect-hash": "/args/a%23b/",
        "redirect-space": "/args/a%20b/",
        "redirect-odd": '/args/{a}|^"\\~/',
        "redirect-odd-encoded": "/args/%7Ba%7D%7C%5E%60%3C%3E%22%5C%7E%3A/",
        "redirect-reserved": "/args/:=@[]!$&'()*+,;/",
        "redirect-controls": "/args/%00%0D%0A%7F/",
        "redirect-newline": "/args%0A/",
        "redirect-dots": "/args/../",
    },
    "not-found": {
        "not-found": "/nope",
        "not-found-slash": "/nope/",
        "not-found-query": "/nope?x=1",
        "not-found-case": "/Predict",
        "not-found-two-slashes": "//",
        "not-found-three-slashes": "///",
        "not-found-double-slash-start": "//args",
        "not-found-args-double-slash": "/args//alpha",
        "not-found-args-deep": "/args/a/b",
        "not-found-args-deep-slash": "/args/a/b/",
        "not-found-args-encoded-slash": "/args/a%2Fb",
        "not-found-dot-segments": "/args/../args",
        "not-found-dot": "/./args",
        "not-found-newline-inside": "/%0A/",
        "not-found-two-newlines": "/args%0A%0A",
        "not-found-space": "/args%20",
        "not-found-predict-below": "/predict/x",
        "not-found-star": "*",
        "not-found-nul": "/%00",
    },
}

METHODS = ["HEAD", "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
ROUTES = {"/": "GET", "/performance": "GET", "/args": "GET", "/args/alpha": "GET", "/predict": "POST"}

HEAD_ANSWER = {"status": 200, "content_type": "application/json", "allow": None, "location": None, "body": ""}

# name: headers, each sent with GET / and, as a redirect, with GET /args/.
HOSTS = {
    "no-port": [("Host", "localhost")],
    "port-80": [("Host", "example.com:80")],
    "upper-case": [("Host", "EXAMPLE.com")],
    "ipv6": [("Host", "[::1]:8000")],
    "lower-case-name": [("host", "example.com")],
    "forwarded-proto": [HOST, ("X-Forwarded-Proto", "https")],
    "forwarded-proto-lower-name": [HOST, ("x-forwarded-proto", "https")],
    "forwarded-host-ignored": [HOST, ("X-Forwarded-Host", "example.com"), ("X-Forwarded-Port", "443")],
    "forwarded-ignored": [HOST, ("Forwarded", "host=example.com;proto=https")],
    "forwarded-for": [HOST, ("X-Forwarded-For", "203.0.113.9, 10.0.0.1")],
}
# As above; what comes from clients that no proxy or browser makes. Linnet may refuse these or normalise them.
ODD_HOSTS = {
    "host-empty": [("Host", "")],
    "host-latin-1": [("Host", "ex\u00e9mple")],
    "host-with-path": [("Host", "a b/c?d")],
    "host-missing": [],
    "host-twice": [("Host", "a"), ("Host", "b")],
    "forwarded-proto-list": [HOST, ("X-Forwarded-Proto", "https, http")],
    "forwarded-proto-twice": [HOST, ("X-Forwarded-Proto", "http"), ("X-Forwarded-Proto", "https")],
    "forwarded-proto-empty": [HOST, ("X-Forwarded-Proto", "")],
    "upgrade-h2c": [HOST, ("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c")],
}

# What RFC 9112 and RFC 3986 do not allow in a target, or read otherwise than uvicorn does.
ODD_TARGETS = {
    "absolute-form": "http://example.com/args?x=1",
    "empty-path": "?x=1",
    "raw-utf8": "/args/\u00e9",
    "space": "/args/a b",
    "raw-angle-brackets": "/args/<a>",
    "raw-backtick": "/args/`a",
    "raw-quote-in-query": '/args?a="b"',
    "raw-angle-brackets-in-query": "/args?a=<b>",
    "hash": "/#x",
    "hash-in-arg": "/args/a#b",
    "hash-in-query": "/?a#b",
    "hash-after-filter": "/performance?filter=overall#x",
}


def methods() -> Iterator[Case]:
    """Every method on every route, and on the redirected and the unknown path."""
    for target, allowed in ROUTES.items():
        for method in METHODS:
            if method == allowed:
                continue
            request = Request(method, target, [HOST])
            if method == "HEAD" and allowed == "GET":
                # Linnet answers HEAD on every GET route; the lesson does not.
                yield Case(f"head-{target}", HEAD, request, HEAD_ANSWER)
            else:
                yield Case(f"method-{method}-{target}", "method", request)
    for method in ["HEAD", "POST", "DELETE", "OPTIONS"]:
        yield Case(f"method-{method}-redirect", "redirect", Request(method, "/args/?x=1", [HOST]))
        yield Case(f"method-{method}-not-found", "not-found", Request(method, "/nope", [HOST]))
    yield Case("method-lower-case", "method", Request("get", "/", [HOST]))
    yield Case("method-unknown", "method", Request("FROB", "/predict", [HOST]))
    yield get("method-GET-predict-newline", "method", "/predict%0A")
    yield post("method-POST-args-with-body", "method", TEXTS, target="/args")
    yield post("redirect-post-predict", "redirect", TEXTS, target="/predict/")
    yield post("redirect-post-predict-query", "redirect", TEXTS, target="/predict//?a=%20")
    yield post("redirect-post-predict-broken-body", "redirect", "{", target="/predict/")
    yield post("not-found-post", "not-found", TEXTS, target="/models")


def urls() -> Iterator[Case]:
    """What the echoed URL is made of."""
    for name, headers in HOSTS.items():
        yield get(f"url-{name}", "url", "/?a=b", tuple(headers))
        yield get(f"url-redirect-{name}", "url", "/args/", tuple(headers))
    for name, headers in ODD_HOSTS.items():
        yield get(f"url-{name}", KNOWN_DIFFERENCE, "/?a=b", tuple(headers))
    yield post("url-predict-query", "url", TEXTS, target="/predict?a=%C3%A9")
    yield post("url-predict-newline", "url", TEXTS, target="/predict%0A")
    yield post("url-predict-encoded", "url", TEXTS, target="/%70redict")
    yield Case("url-http10-host", "url", Request("GET", "/", [HOST], version="HTTP/1.0"))
    yield Case("url-http10-no-host", "url", Request("GET", "/?a=b", [], version="HTTP/1.0"))
    yield Case("url-http10-no-host-redirect", "url", Request("GET", "/args/", [], version="HTTP/1.0"))
    for name, target in ODD_TARGETS.items():
        yield get(f"target-{name}", KNOWN_DIFFERENCE, target)


def cases() -> List[Case]:
    """All cases of this file."""
    plain = [get(name, group, target) for group, rows in TARGETS.items() for name, target in rows.items()]
    curl = [
        Case("curl-index", "curl", Request("GET", "/", [HOST, ("User-Agent", "curl/7.88.1"), ("Accept", "*/*")])),
        get("curl-performance", "curl", "/performance?filter=overall", (HOST, ("accept", "application/json"))),
        get("curl-arg", "curl", "/args/learning_rate", (HOST, ("accept", "application/json"))),
        get("curl-args", "curl", "/args", (HOST, ("accept", "application/json"))),
    ]
    return [*curl, *plain, *methods(), *urls()]
