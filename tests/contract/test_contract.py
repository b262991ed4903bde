"""Tests of the contract's own tools: a judge that cannot say no is worth nothing.

Run in this directory: `python3 -m unittest test_contract`.
"""

import threading
import unittest
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cases import all_cases
from exchange import Request, Response, exchange
from failure import wanted_failure
from generate import Generator
from judge import differences, live_differences, recorded_differences
from replay import RECORDED, differences_of, read_rows

GOOD = Response(200, "application/json", None, None, "{}")


@contextmanager
def answering(status: int, body: bytes):
    """A server that gives one answer to everything; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[:2]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Judge(unittest.TestCase):
    def test_every_field_counts(self) -> None:
        wanted = vars(GOOD)
        self.assertEqual(differences(wanted, GOOD), [])
        for name in wanted:
            other = Response(**{**wanted, name: "other"})
            self.assertEqual(len(differences(wanted, other)), 1, name)

    def test_a_failure_of_the_lesson_wants_its_422(self) -> None:
        request = Request("POST", "/predict", [], b'{"texts":[{"text":null},["te"]]}')
        failed = Response(500, "text/plain; charset=utf-8", None, None, "Internal Server Error")
        wanted = wanted_failure(request.body)
        self.assertIn('["body","texts",0,"text"],"msg":"none is not', wanted["body"])
        self.assertIn('["body","texts",1,"text"],"msg":"field required', wanted["body"])
        self.assertEqual(live_differences(request, failed, Response(**wanted)), [])
        self.assertTrue(live_differences(request, failed, failed))
        unknown = Request("POST", "/predict", [], b'{"texts":[{"text":"a"}]}')
        self.assertTrue(live_differences(unknown, failed, Response(**wanted)))

    def test_known_differences_may_be_anything_but_a_failure(self) -> None:
        row = {"group": "known-difference", "response": vars(GOOD)}
        self.assertEqual(recorded_differences(row, Response(404, None, None, None, "")), [])
        self.assertTrue(recorded_differences(row, Response(500, None, None, None, "")))

    def test_linnets_own_answer_goes_before_the_lessons(self) -> None:
        other = Response(422, "application/json", None, None, "{}")
        row = {"group": "top-k", "response": vars(GOOD), "linnet": vars(other)}
        self.assertEqual(recorded_differences(row, other), [])
        self.assertTrue(recorded_differences(row, GOOD))


class Exchange(unittest.TestCase):
    def test_only_the_envelopes_timestamp_and_the_own_address_are_replaced(self) -> None:
        envelope = (
            '{"message":"OK","method":"GET","status-code":200,"timestamp":"%s","url":"http://%s/","data":{"%s":1}}'
        )
        stamp = "2022-05-25T12:23:34.381614"
        for given in (stamp, stamp[:19]):
            with answering(200, (envelope % (given, "a", stamp)).encode()) as address:
                got = exchange(address, Request("GET", "/", [("Host", "a")]))
            self.assertEqual(got.body, envelope % ("{timestamp}", "a", stamp))

    def test_a_wrong_answer_and_no_answer_are_differences(self) -> None:
        row = {"name": "x", "group": "index", "request": Request("GET", "/").to_json(), "response": vars(GOOD)}
        with answering(200, b"{}") as address:
            self.assertEqual(differences_of(address, row), [])
        self.assertEqual(len(differences_of(address, row)), 1)
        with answering(200, b"[]") as address:
            self.assertEqual(len(differences_of(address, row)), 1)


class Recorded(unittest.TestCase):
    def test_the_recorded_requests_are_the_cases(self) -> None:
        rows, cases = read_rows(RECORDED), all_cases()
        self.assertEqual([row["name"] for row in rows], [case.name for case in cases])
        for row, case in zip(rows, cases, strict=True):
            self.assertEqual(Request.from_json(row["request"]).wire(), case.request.wire(), case.name)
            self.assertEqual(row["group"], case.group)
            self.assertEqual(row.get("linnet"), case.linnet)


class Generated(unittest.TestCase):
    def test_the_seed_decides(self) -> None:
        wires = [[g.request().wire() for _ in range(300)] for g in (Generator(1), Generator(1), Generator(2))]
        self.assertEqual(wires[0], wires[1])
        self.assertNotEqual(wires[0], wires[2])

    def test_there_are_requests_of_every_kind(self) -> None:
        generator = Generator(3)
        counts = Counter(generator.request().method == "POST" for _ in range(1000))
        self.assertGreater(counts[True], 700)
        self.assertGreater(counts[False], 50)


if __name__ == "__main__":
    unittest.main()
