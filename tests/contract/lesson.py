"""Starts the lesson's app under its own stack, on a port that the kernel chooses."""

import os
import re
import subprocess
import tempfile
import time
from argparse import ArgumentParser, Namespace
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterator, List, Tuple

ROOT = Path(__file__).resolve().parents[2]
APP_DIR = ROOT / "loadtest" / "lesson"
EXPORT_DIR = ROOT / "artifacts" / "export"
ARTIFACT = ROOT / "artifacts" / "tagifai" / "1"
START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 10.0
LISTENING = re.compile(r"Uvicorn running on http://([\d.]+):(\d+)")


@dataclass
class Lesson:
    """What the app needs: its Python, the fitted pipeline, the artifact with the two JSON files, import paths."""

    python: Path
    model: Path
    artifact: Path
    import_path: List[str]


def add_arguments(parser: ArgumentParser) -> None:
    """The options that make a `Lesson`."""
    parser.add_argument("--python", type=Path, required=True, help="Python of the lesson's virtual environment")
    parser.add_argument("--model", type=Path, required=True, help="the fitted pipeline's joblib file")
    parser.add_argument("--artifact", type=Path, default=ARTIFACT, help="directory of args.json and performance.json")
    parser.add_argument(
        "--import-path", action="append", default=[], help="where the pickle's classes are, if elsewhere"
    )


def from_arguments(arguments: Namespace) -> Lesson:
    """The inverse of `add_arguments`; the exporter's package is always importable."""
    import_path = [*arguments.import_path, str(EXPORT_DIR)]
    return Lesson(arguments.python, arguments.model, arguments.artifact, import_path)


def environment(lesson: Lesson) -> Dict[str, str]:
    """The app's environment."""
    env = dict(os.environ, LESSON_MODEL=str(lesson.model.resolve()))
    env["LESSON_ARGS"] = str((lesson.artifact / "args.json").resolve())
    env["LESSON_PERFORMANCE"] = str((lesson.artifact / "performance.json").resolve())
    env["PYTHONPATH"] = os.pathsep.join([*lesson.import_path, env.get("PYTHONPATH", "")]).strip(os.pathsep)
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
def serving(lesson: Lesson) -> Iterator[Tuple[str, int]]:
    """Run the app for the length of the block; yields its address.

    The command is the lesson's own, the `uvicorn` script: how deep JSON may nest depends on how the server is started.
    """
    command = [str(lesson.python.parent / "uvicorn"), "app.api:app", "--host", "127.0.0.1", "--port", "0"]
    with tempfile.TemporaryDirectory() as scratch:
        log = Path(scratch) / "log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                command,
                cwd=APP_DIR,
                env=environment(lesson),
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
