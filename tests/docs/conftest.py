"""Shared by the tests of the API's documentation: a running Linnet, and its description."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("LINNET_BIN", REPOSITORY / "target" / "release" / "linnet"))
CACHE = REPOSITORY / "tests" / ".cache"
START_SECONDS = 60
STOP_SECONDS = 30
# The recorded requests, and what sends them.
sys.path.insert(0, str(REPOSITORY / "tests" / "contract"))


@pytest.fixture(scope="session")
def linnet():
    """The base URL of a Linnet with default settings on a port of its own; a panic in its log fails the run."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LINNET_")}
    command = [str(BINARY), "--bind", "127.0.0.1:0", "--workers", "2", "--set", "control_socket="]
    command += ["--set", "drain_delay=0", "--set", "keepalive_min=0"]
    server = subprocess.Popen(
        command, cwd=REPOSITORY, env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    log, ready = [], threading.Event()

    def read_log() -> None:
        for line in server.stderr:
            log.append(line)
            if "fleet ready" in line:
                ready.set()
        ready.set()

    reader = threading.Thread(target=read_log, daemon=True)
    reader.start()
    try:
        ready.wait(START_SECONDS)
        addresses = re.findall(r"listening on (http://\S+)", "".join(log))
        assert addresses, "Linnet did not start:\n" + "".join(log)
        yield addresses[0]
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
        reader.join(STOP_SECONDS)
    assert not any("panicked" in line or "died" in line for line in log), "".join(log)


@pytest.fixture(scope="session")
def document(linnet):
    """The description that this Linnet serves."""
    with urllib.request.urlopen(f"{linnet}/openapi.json", timeout=30) as answer:
        return json.loads(answer.read())


@pytest.fixture(scope="session")
def document_file(document, tmp_path_factory):
    """The description as a file, for tools."""
    path = tmp_path_factory.mktemp("openapi") / "openapi.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path
