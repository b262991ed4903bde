"""Says what CPython makes of JSON documents, for `tests/json_oracle.rs`.

Reads documents from standard input, each behind its length in four bytes, little-endian. Answers one line each:
`ok` and what the lesson's server would send for the value, or that it cannot; else why `json.loads` refuses.
"""
import json
import struct
import sys
from typing import Any


def sent(value: Any) -> Any:
    """FastAPI leaves out members whose name begins with `_sa`."""
    if isinstance(value, dict):
        return {name: sent(member) for name, member in value.items() if not name.startswith("_sa")}
    return [sent(element) for element in value] if isinstance(value, list) else value


def judge(document: bytes) -> bytes:
    try:
        value = json.loads(document)
    except json.JSONDecodeError as error:
        return f"syntax {error.pos} {error.lineno} {error.colno} {error.msg}".encode()
    except UnicodeDecodeError:
        return b"encoding"
    except RecursionError:
        return b"deep"
    except ValueError:
        return b"digits"
    try:
        return b"ok " + json.dumps(sent(value), ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except ValueError:  # not finite, or a lone surrogate
        return b"ok, but cannot be sent"


def main() -> None:
    read, write = sys.stdin.buffer.read, sys.stdout.buffer.write
    while length := read(4):
        write(judge(read(struct.unpack("<I", length)[0])) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
