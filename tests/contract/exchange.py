"""One HTTP/1.1 exchange over a plain socket, with the request's bytes exactly as the case gives them."""

import base64
import http.client
import re
import socket
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Tuple

TIMEOUT_S = 30.0
# Only the envelope's own timestamp: a text that looks like one must stay.
TIMESTAMP = re.compile(
    r'^(\{"message":"OK","method":"[A-Z]+","status-code":200,"timestamp":")'
    r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{6})?"'
)


@dataclass
class Request:
    """What goes over the wire. Header values are latin-1; nothing is added to the headers given."""

    method: str
    target: str
    headers: List[Tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    version: str = "HTTP/1.1"

    def wire(self) -> bytes:
        """The request's bytes."""
        lines = [f"{self.method} {self.target} {self.version}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + self.body

    def to_json(self) -> Dict[str, Any]:
        """The recorded form: `body` where the bytes are UTF-8, else `body_base64`."""
        out: Dict[str, Any] = {"method": self.method, "target": self.target, "version": self.version}
        out["headers"] = [list(header) for header in self.headers]
        try:
            out["body"] = self.body.decode("utf-8")
        except UnicodeDecodeError:
            out["body_base64"] = base64.b64encode(self.body).decode("ascii")
        return out

    @classmethod
    def from_json(cls, row: Dict[str, Any]) -> "Request":
        """The inverse of `to_json`."""
        body = row["body"].encode("utf-8") if "body" in row else base64.b64decode(row["body_base64"])
        headers = [(name, value) for name, value in row["headers"]]
        return cls(row["method"], row["target"], headers, body, row["version"])


@dataclass
class Response:
    """What is compared of an answer."""

    status: int
    content_type: Optional[str]
    allow: Optional[str]
    location: Optional[str]
    body: str

    def to_json(self) -> Dict[str, Any]:
        """The recorded form."""
        return dict(vars(self))


def exchange(address: Tuple[str, int], request: Request) -> Response:
    """Send one request on a connection of its own; time and server address become placeholders.

    A request without Host is answered with the server's own address, which differs from run to run.
    """
    with socket.create_connection(address, timeout=TIMEOUT_S) as connection:
        connection.sendall(request.wire())
        answer = http.client.HTTPResponse(connection, method=request.method)
        answer.begin()
        body = answer.read().decode("utf-8")
        own = f"{address[0]}:{address[1]}"
        location = answer.getheader("location")
        return Response(
            status=answer.status,
            content_type=answer.getheader("content-type"),
            allow=answer.getheader("allow"),
            location=location.replace(own, "{server}") if location else location,
            body=TIMESTAMP.sub(r'\1{timestamp}"', body).replace(own, "{server}"),
        )
