"""What `linnet predict` is to a person and to a shell: order, status, progress, interaction; and its benchmark."""

from __future__ import annotations

import fcntl
import json
import os
import re
import select
import struct
import subprocess
import sys
import termios

import pytest
from conftest import REPOSITORY

SHIPPED = REPOSITORY / "artifacts" / "tagifai" / "1"


def command(binary, *more):
    return [binary, "predict", "--model", str(SHIPPED), *more]


@pytest.fixture(scope="module")
def lines(project_texts):
    """Some blocks of lines; a bad one now and then."""
    good = [json.dumps({"text": text}, ensure_ascii=False).encode() for text in project_texts]
    several = (good * (6_000 // len(good) + 1))[:6_000]
    return [b"bad" if at % 1000 == 99 else line for at, line in enumerate(several)]


def test_threads_change_nothing(binary, lines):
    text = b"".join(line + b"\n" for line in lines)
    runs = [subprocess.run(command(binary, "--threads", n), input=text, capture_output=True) for n in ("1", "2", "7")]
    complaints = [f"line {at}" for at in range(100, 6_001, 1000)]
    labels = []
    for run in runs:
        assert run.returncode == 1
        assert [line.split(":")[0] for line in run.stderr.decode().splitlines()] == complaints
        answers = [json.loads(line) for line in run.stdout.splitlines()]
        # The last digit of a score may depend on which words a thread has seen before; a label never does.
        labels.append([answer.get("label", answer.get("error")) for answer in answers])
    assert len(labels[0]) == len(lines)
    assert labels[0] == labels[1] == labels[2]


def test_a_line_is_answered_while_the_next_is_awaited(binary):
    with subprocess.Popen(command(binary), stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:
        for _ in range(3):
            process.stdin.write(b'{"text": "image"}\n')
            assert select.select([process.stdout], [], [], 60)[0], "no answer within a minute"
            assert process.stdout.readline().startswith(b'{"label":')
        process.stdin.close()
        assert process.wait() == 0


def test_a_reader_that_goes_away_ends_it_quietly_though_input_goes_on(binary):
    process = subprocess.Popen(
        command(binary), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    )
    process.stdout.close()
    process.stdin.write(b'{"text": "image"}\n')
    assert process.wait(60) == 0
    assert process.stderr.read() == b""
    process.stdin.close()
    process.stderr.close()


def screen_of(arguments, stdin, stdout, seen=lambda screen: None):
    """What the program writes to standard error when that is a terminal, and its status; `seen` is told all along."""
    master, terminal = os.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    environment = {**os.environ, "TERM": "xterm"}
    streams = dict(stdin=stdin, stdout=stdout or terminal, stderr=terminal, close_fds=True)
    process = subprocess.Popen(arguments, env=environment, **streams)
    os.close(terminal)
    screen = b""
    while select.select([master], [], [], 60)[0]:
        try:
            screen += os.read(master, 1 << 16)
        except OSError:  # the last one who had the terminal open has closed it
            break
        seen(screen)
    os.close(master)
    return screen.decode(), process.wait()


def test_progress_is_for_terminals(binary, lines, tmp_path):
    file = tmp_path / "texts.jsonl"
    file.write_bytes(b"".join(line + b"\n" for line in lines))
    size = file.stat().st_size
    with open(file, "rb") as stdin:
        screen, status = screen_of(command(binary), stdin, subprocess.DEVNULL)
    assert re.search(r"[\d,.]+ [KM]iB of [\d,.]+ [KM]iB, \d+ lines, [\d,.]+ [KM]iB/s, .* left", screen), (size, screen)
    assert "line 100: not JSON" in screen, "complaints stand beside the progress"
    assert status == 1

    reader, writer = os.pipe()
    os.write(writer, b'{"text": "image"}\n' * 3)
    ends = [writer]

    def end_when_drawn(screen):
        if b"3 lines, " in screen and ends:
            os.close(ends.pop())

    screen, status = screen_of(command(binary), reader, subprocess.DEVNULL, end_when_drawn)
    os.close(reader)
    assert " lines, " in screen and " left" not in screen, screen
    assert status == 0

    with open(file, "rb") as stdin:
        screen, _ = screen_of(command(binary), stdin, None)
    assert " lines, " not in screen, "answers on the same terminal leave no room for progress"


def test_the_benchmark_runs_and_the_answers_agree(binary, tmp_path):
    script, table = REPOSITORY / "benches" / "scikit_learn.py", tmp_path / "table.md"
    sizes = ["--rounds", "1", "--lines", "800", "--batch-lines", "800", "--single-lines", "20"]
    sizes += ["--fasttext-buckets", "1000"]
    arguments = [sys.executable, script, "--linnet", binary, "--out", table, *sizes]
    run = subprocess.run(list(map(str, arguments)), capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-2000:]
    report = table.read_text()
    assert report == run.stdout
    assert "All of 820 answers checked are scikit-learn's" in report
    for other in ("batch", "one by one"):
        row = rf"^\| linnet predict, raw texts ÷ scikit-learn, {other} \| [\d.]+ \|"
        assert re.search(row, report, re.MULTILINE), report
    assert "fastText, cleaned" in report or "fastText is left out" in run.stderr
