"""Starts the lesson's app under its own stack, on a port that the kernel chooses."""

import os
import re
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Tuple

APP_DIR = Path(__file__).resolve().parents[2] / "loadtest" / "lesson"
START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 10.0
LISTENING = re.compile(r"Uvicorn running on http://([\d.]+):(\d+)")


def environment(model: Path, python_path: List[str]) -> Dict[str, str]:
    """The app's environment; `python_path` holds what the pickled pipeline imports."""
    env = dict(os.environ, LESSON_MODEL=str(model.resolve()))
    env["PYTHONPATH"] = os.pathsep.join([*python_path, env.get("PYTHONPATH", "")]).strip(os.pathsep)
    env.pop("FORWARDED_ALLOW_IPS", None)
    return env


def wait_for_address(log: Path, process: subprocess.Popen) -> Tuple[str, int]:
    """The address from the server's own first lines; an error with the log if it ends or takes too long."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        found = LISTENING.search(log.read_text(errors="replace"))
        if found:
            return found.group(1), int(found.group(2))
        time.sleep(0.05)
    raise RuntimeError(f"the lesson's app did not start:\n{log.read_text(errors='replace')}")


@contextmanager
def serving(
    python: Path, model: Path, python_path: List[str], command: Optional[List[str]] = None
) -> Iterator[Tuple[str, int]]:
    """Run the app for the length of the block; yields its address.

    The default command is the lesson's own, the `uvicorn` script beside `python`.
    """
    uvicorn = [str(python.parent / "uvicorn"), "app.api:app", "--host", "127.0.0.1", "--port", "0"]
    with tempfile.TemporaryDirectory() as scratch:
        log = Path(scratch) / "log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                command or uvicorn,
                cwd=APP_DIR,
                env=environment(model, python_path),
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        try:
            yield wait_for_address(log, process)
        finally:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
