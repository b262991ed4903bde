"""What gunicorn writes into its access log for a list of raw requests: `recorded.jsonl`, which `tests/logs.rs` replays.

    python tests/access_log/record.py           # records anew
    python tests/access_log/record.py --check   # compares with what is recorded

Run it with the environment of `loadtest/lesson/requirements.txt`. The app behind gunicorn answers two paths as Linnet
does, so that statuses and lengths agree.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RECORDED = Path(__file__).with_name("recorded.jsonl")
FORMAT = (
    '%(h)s|%(l)s|%(u)s|"%(r)s"|%(m)s|"%(U)s"|"%(q)s"|%(H)s|%(s)s|%(B)s|%(b)s|"%(f)s"|"%(a)s"|"%({X-A}i)s"|'
    '%({content-type}o)s|%({content-length}o)s|%({x-none}o)s|%({remote_addr}e)s|"%({raw_uri}e)s"|'
    '%({REQUEST_METHOD}e)s|"%({http_x_a}e)s"|100%%|%(t)s|%(T)s|%(M)s|%(D)s|%(L)s|%(p)s'
)
# A name, the request's line, its headers, and where Linnet differs on purpose: why, what gunicorn has, what Linnet has.
CASES = [
    ("plain", "GET /health/live HTTP/1.1", {}, []),
    ("query", "GET /health/live?a=1&b=%20 HTTP/1.1", {}, []),
    ("encoded path", "GET /no%20where%2Fat/all HTTP/1.1", {}, []),
    ("HTTP/1.0", "GET /health/live HTTP/1.0", {}, []),
    ("HEAD", "HEAD /health/live HTTP/1.1", {}, []),
    ("unknown method", "PROPFIND /nowhere HTTP/1.1", {}, []),
    ("browser", "GET /health/live HTTP/1.1", {"User-Agent": "Mozilla/5.0 (X11)", "Referer": "http://a.b/c?d"}, []),
    ("user", "GET /health/live HTTP/1.1", {"Authorization": "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="}, []),
    ("user alone", "GET /health/live HTTP/1.1", {"Authorization": "basic dXNlcg=="}, []),
    ("no user", "GET /health/live HTTP/1.1", {"Authorization": "Basic OnNlY3JldA=="}, []),
    ("other scheme", "GET /health/live HTTP/1.1", {"Authorization": "Bearer QWxhZGRpbjpvcGVu"}, []),
    ("broken base64", "GET /health/live HTTP/1.1", {"Authorization": "Basic Q"}, []),
    ("header", "GET /health/live HTTP/1.1", {"X-A": "one; two=3"}, []),
    ("quotes", "GET /health/live HTTP/1.1", {"User-Agent": 'a" 200 1 "b'}, []),
    ("empty header", "GET /health/live HTTP/1.1", {"X-A": ""}, []),
    (
        "backslash",
        "GET /health/live HTTP/1.1",
        {"User-Agent": 'a\\" b'},
        [("a backslash is escaped, else it would hide that of the quote", 'a\\\\" b', 'a\\\\\\" b')],
    ),
    (
        "Latin-1",
        "GET /health/live HTTP/1.1",
        {"User-Agent": "caf\xe9"},
        [("lines are ASCII", "caf\xe9", "caf\\xe9")],
    ),
    (
        "UTF-8 in the path",
        "GET /caf%C3%A9 HTTP/1.1",
        {},
        [("lines are ASCII, and no UTF-8 read as Latin-1", '"/caf\xc3\xa9"', '"/caf\\xc3\\xa9"')],
    ),
    (
        "line feed in the path",
        "GET /a%0A127.0.0.1%20b HTTP/1.1",
        {},
        [("nobody forges a line", '"/a\n127.0.0.1 b"', '"/a\\x0a127.0.0.1 b"')],
    ),
    (
        "user with a blank",
        "GET /health/live HTTP/1.1",
        {"Authorization": "Basic YSBiOmM="},
        [("nobody forges a field", "|a b|", "|a\\x20b|")],
    ),
]


def app(environ, start_response):
    live = environ["PATH_INFO"] == "/health/live"
    body = LIVE if live else b'{"detail":"Not Found"}'
    headers = [("content-type", "application/json"), ("content-length", str(len(body)))]
    start_response("200 OK" if live else "404 Not Found", headers)
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


LIVE = b'{"status":"live"}'


def shape(line):
    """The line with what differs from run to run replaced: the fields from the time on."""
    at = [i for i, c in enumerate(line) if c == "|"][-6]
    return line[:at] + re.sub(r"\d+", "N", re.sub(r"/[A-Z][a-z][a-z]/", "/Mon/", line[at:]))


def raw(request_line, headers):
    lines = [request_line, "Host: test", *(f"{name}: {value}" for name, value in headers.items()), "Connection: close"]
    return "\r\n".join([*lines, "", ""])


def ask(port, request):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(request.encode("latin-1"))
        while connection.recv(65536):
            pass


def record():
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "access.log")
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            command = [sys.executable, "-m", "gunicorn", "--bind", f"fd://{listener.fileno()}", "--access-logfile"]
            command += [str(log), "--access-logformat", FORMAT, "--log-level", "critical", "record:app"]
            environment = {**os.environ, "TZ": "UTC", "PYTHONPATH": str(Path(__file__).parent)}
            server = subprocess.Popen(command, cwd=folder, env=environment, pass_fds=[listener.fileno()])
            try:
                before = ""
                for name, request_line, headers, differences in CASES:
                    request = raw(request_line, headers)
                    ask(port, request)
                    deadline = time.monotonic() + 20
                    while not (text := log.read_text("utf-8"))[len(before) :].endswith("\n"):
                        assert time.monotonic() < deadline, name
                        time.sleep(0.01)
                    gunicorn = linnet = shape(text[len(before) :].removesuffix("\n"))
                    before = text
                    for _, theirs, ours in differences:
                        assert theirs in linnet, (name, theirs, linnet)
                        linnet = linnet.replace(theirs, ours)
                    case = {"name": name, "request": request, "gunicorn": gunicorn, "linnet": linnet}
                    case["why"] = "; ".join(why for why, _, _ in differences)
                    yield case
            finally:
                server.send_signal(signal.SIGTERM)
                server.wait()


def main():
    head = {"format": FORMAT}
    recorded = "".join(json.dumps(line) + "\n" for line in [head, *record()])
    if sys.argv[1:] == ["--check"]:
        sys.exit(0 if recorded == RECORDED.read_text("utf-8") else "gunicorn's access log has changed: record it anew")
    RECORDED.write_text(recorded, "utf-8")


if __name__ == "__main__":
    main()
