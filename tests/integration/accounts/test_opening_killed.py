"""A worker killed with SIGKILL in the middle of an account, again and again: nobody is opened twice, nobody is forgotten."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

PEOPLE, KILLS = 50, 4


def test_every_person_has_one_account_and_one_code(tmp_path: Path) -> None:
    root = Path(__file__).parents[3]
    env = os.environ | {"QINGLIAN_HOME": str(tmp_path / "home"), "QINGLIAN_DATABASE_URL": ""}
    env["PYTHONPATH"] = os.pathsep.join([str(root), env.get("PYTHONPATH", "")])
    env.setdefault("DJANGO_SETTINGS_MODULE", "core.settings.test")
    runner = Path(__file__).with_name("opening_runner.py")
    done = subprocess.run(
        [sys.executable, str(runner), str(tmp_path), str(PEOPLE), str(KILLS)],
        env=env,
        cwd=root,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found = json.loads((tmp_path / "answer.json").read_text("utf-8"))
    assert found["exits"] == [-9] * KILLS + [0], "each attempt was killed where it should be"
    assert found["between"][-1] > found["between"][0], "what was committed before a kill stays"
    assert found["state"] == "done", found["error"]
    assert found["accounts"] == found["persons"] == PEOPLE
    assert found["good_codes"] == found["lines"] == PEOPLE
    assert found["sheets"] == [["ready", PEOPLE]]
