"""Schemathesis against the running server: all checks, all operations, no failure.

`LINNET_SCHEMATHESIS_EXAMPLES` (cases for each operation and phase) and `LINNET_SCHEMATHESIS_SEED` make a longer run of it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

EXAMPLES = os.environ.get("LINNET_SCHEMATHESIS_EXAMPLES", "100")
SEED = os.environ.get("LINNET_SCHEMATHESIS_SEED", "1")
SECONDS = 100 + int(EXAMPLES)

# Checks that are left out, each with its reason. None is.
LEFT_OUT: dict[str, str] = {}


def test_no_failure(linnet, document, tmp_path):
    command = [Path(sys.executable).with_name("schemathesis"), "run", f"{linnet}/openapi.json", "--checks", "all"]
    if LEFT_OUT:
        command += ["--exclude-checks", ",".join(LEFT_OUT)]
    command += ["--seed", SEED, "--max-examples", EXAMPLES, "--continue-on-failure", "--no-color"]
    # In a folder of its own: schemathesis keeps cases of earlier runs where it is run, and tries them again.
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, cwd=tmp_path)
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    operations = sum(len(item) for item in document["paths"].values())
    assert f"Tested: {operations}" in done.stdout
    assert int(re.search(r"(\d+) generated", done.stdout)[1]) >= 5 * int(EXAMPLES)
