"""A short run of the tampering suite: the record altered by hand, `audit verify` alone in a process of its own."""

import json
import subprocess
import sys

import pytest

from scripts.environment import ROOT

pytestmark = [pytest.mark.faults, pytest.mark.slow]


def test_every_alteration_is_found_and_its_first_row_named() -> None:
    command = [sys.executable, "-m", "tests.faults.tamper", "--count", "5"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    found = json.loads(done.stdout)
    for name in ("edits", "deletions", "reorderings", "roll_backs"):
        assert (found[name]["tried"], found[name]["found"], found[name]["first_named"]) == (5, 5, 5)
