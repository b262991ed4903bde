"""The description is valid OpenAPI 3.1, and every answer to every recorded request is one that it declares."""

from __future__ import annotations

import http.client
import json
import re
import socket
from collections import Counter
from urllib.parse import unquote

from exchange import TIMEOUT_S, Request, Response
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from replay import RECORDED, address_of, read_rows

TEXTS = '{"texts":[{"text":"Transfer learning with transformers."}]}'

# Groups of recorded requests that are no HTTP by the specification.
NO_HTTP = {"known-difference"}

# Valid by the schema and yet refused. Their reasons cannot be said in a schema without spoiling generated clients.
REFUSED_THOUGH_VALID = {
    "a number of more than 4300 digits": lambda request, _: re.search(rb"\d{4301}", request.body),
    "a lone surrogate": lambda request, _: re.search(rb"\\u[dD][89a-fA-F]", request.body),
    "a member of the name that pydantic keeps for itself": lambda request, _: b"__pydantic_self__" in request.body,
    "deeper than Python reads": lambda request, _: re.search(rb"[\[{]{900}", re.sub(rb"[^\[{]", b"", request.body)),
    "no application/json": lambda request, _: media_type(request) != "application/json",
    "a query that is wrong": lambda request, answer: '"loc":["query","top_k"]' in answer.body,
}


def media_type(request: Request) -> str:
    """The request's content type without parameters; its absence means JSON."""
    found = [value for name, value in request.headers if name.lower() == "content-type"]
    return found[0].split(";")[0].strip(" ").lower() if found else "application/json"


def exchange(address, request: Request) -> Response:
    """Send one request on a connection of its own; the answer as it came."""
    with socket.create_connection(address, timeout=TIMEOUT_S) as connection:
        connection.sendall(request.wire())
        answer = http.client.HTTPResponse(connection, method=request.method)
        answer.begin()
        header = answer.getheader
        body = answer.read().decode()
        return Response(answer.status, header("content-type"), header("allow"), header("location"), body)


class Declared:
    """What a description says of each request's answer."""

    def __init__(self, document):
        self.document = document
        self.paths = {
            re.compile(re.sub(r"\\{.*?\\}", "[^/]+", re.escape(path))): item for path, item in document["paths"].items()
        }

    def schema(self, schema) -> Draft202012Validator:
        """A validator of something that may refer to the description's components."""
        return Draft202012Validator({**schema, "components": self.document["components"]})

    def item(self, target: str):
        """What is said of the path of a request's target."""
        path = unquote(target.split("?")[0], errors="replace")
        # The lesson's routes also match with a line feed behind them.
        found = (
            item for pattern, item in self.paths.items() for form in (path, path.removesuffix("\n"))
            if pattern.fullmatch(form)
        )
        return next(found, None)

    def problem(self, request: Request, answer) -> str | None:
        """What is wrong with an answer, if anything."""
        item = self.item(request.target)
        method = {"GET": "get", "HEAD": "get", "POST": "post"}.get(request.method)
        if item is None:
            expected = {404: "Error", 307: None}
        elif method not in item:
            expected = {405: "Error"}
        else:
            return self.problem_of_operation(item[method], request, answer)
        if answer.status not in expected:
            return f"status {answer.status} where there is no operation"
        if answer.status == 307 or request.method == "HEAD":
            return None
        schema = {"$ref": f"#/components/schemas/{expected[answer.status]}"}
        return self.problem_of_body(schema, answer)

    def problem_of_operation(self, operation, request: Request, answer) -> str | None:
        declared = operation["responses"].get(str(answer.status))
        if declared is None:
            return f"status {answer.status} is not declared"
        media = declared.get("content", {})
        if not media:
            return None if answer.body == "" else "a body that is not declared"
        if (answer.content_type or "").split(";")[0] not in media:
            return f"content type {answer.content_type} is not declared"
        if request.method == "HEAD" or "application/json" not in media:
            return None
        return self.problem_of_body(media["application/json"]["schema"], answer)

    def problem_of_body(self, schema, answer) -> str | None:
        errors = [error.message for error in self.schema(schema).iter_errors(json.loads(answer.body))]
        return "; ".join(errors)[:500] or None


def test_valid_openapi(document):
    assert document["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(document).validate()
    assert document["info"]["title"] == "TagIfAI - Made With ML"
    assert [tag["name"] for tag in document["tags"]][:4] == ["General", "Performance", "Arguments", "Prediction"]


def test_examples_fit_their_schemas(document):
    declared, seen = Declared(document), 0
    for item in document["paths"].values():
        for operation in item.values():
            content = [*operation["responses"].values(), operation.get("requestBody", {})]
            for media in (media for each in content for media in each.get("content", {}).values()):
                for name, example in media.get("examples", {}).items():
                    errors = [error.message for error in declared.schema(media["schema"]).iter_errors(example["value"])]
                    assert not errors, (operation["operationId"], name)
                    seen += 1
    assert seen >= 15


def test_recorded_requests_are_answered_as_declared(linnet, document):
    declared, address = Declared(document), address_of(linnet)
    rows = [row for row in read_rows(RECORDED) if row["group"] not in NO_HTTP]
    extra = [
        Request("GET", path, [("Host", "localhost")]) for path in ("/health/live", "/health/ready", "/metrics", "/docs/")
    ]
    extra.append(post("/predict?top_k=2"))
    requests = [Request.from_json(row["request"]) for row in rows] + extra
    wrong, statuses = [], Counter()
    for request in requests:
        answer = exchange(address, request)
        statuses[answer.status] += 1
        if problem := declared.problem(request, answer):
            wrong.append(f"{request.method} {request.target[:80]} {request.body[:80]!r}: {problem}")
    assert not wrong, "\n".join(wrong[:20])
    assert len(requests) > 700 and {200, 307, 400, 404, 405, 422} <= set(statuses)


def test_what_the_schema_allows_is_answered(linnet, document):
    """The other direction: of the recorded bodies, those that fit the schema get a prediction."""
    declared, address = Declared(document), address_of(linnet)
    schema = declared.schema({"$ref": "#/components/schemas/PredictPayload"})
    valid, wrong, excused = 0, [], Counter()
    for row in read_rows(RECORDED):
        request = Request.from_json(row["request"])
        if row["group"] in NO_HTTP or not (request.method == "POST" and request.target.startswith("/predict")):
            continue
        try:
            body = json.loads(request.body.decode("utf-8"), parse_constant=lambda name: {}[name])
        except (ValueError, KeyError, RecursionError):
            continue
        if not schema.is_valid(body):
            continue
        answer = exchange(address, request)
        valid += answer.status == 200
        if answer.status != 200 and declared.item(request.target):
            reasons = [reason for reason, holds in REFUSED_THOUGH_VALID.items() if holds(request, answer)]
            excused.update(reasons)
            if not reasons:
                wrong.append(f"{row['name']}: {answer.status} {answer.body[:200]}")
    assert not wrong, "\n".join(wrong[:20])
    assert valid > 100, (valid, excused)


def test_too_much_is_refused_as_declared(linnet, document):
    declared, address = Declared(document), address_of(linnet)
    texts = document["components"]["schemas"]["PredictPayload"]["properties"]["texts"]["maxItems"]
    size = int(re.search(r"\d+", document["paths"]["/predict"]["post"]["requestBody"]["description"])[0])
    too_many = json.dumps({"texts": [{"text": "a"}] * (texts + 1)})
    for body, status in [(too_many, 422), ("x" * (size + 1), 413)]:
        request = post("/predict", body)
        answer = exchange(address, request)
        assert (answer.status, declared.problem(request, answer)) == (status, None)


def post(target: str, body: str = TEXTS) -> Request:
    """A request for predictions."""
    headers = [("Host", "localhost"), ("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    return Request("POST", target, headers, body.encode())
