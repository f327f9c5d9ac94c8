"""Killed at every point while a list takes effect: before or after, never between; the job then goes on, and can be undone."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core.roster.faults import POINTS

OLD = {"people": 10, "roll": 10, "inner": 10, "outer": 0, "sets": ["applied", "waiting"]}
#: Five of the ten left on the day they came: nobody held those posts for a day, so they are gone, not ended.
NEW = {"people": 65, "roll": 65, "inner": 0, "outer": 65, "sets": ["applied", "applied"]}
COMMITTED = {"after_commit"}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the runner saw."""
    work = tmp_path_factory.mktemp("faults")
    env = os.environ | {
        "QINGLIAN_HOME": str(work / "home"),
        "QINGLIAN_DATABASE_URL": "",
        "QINGLIAN_FAULT": "",
    }
    root = Path(__file__).parents[3]
    env["PYTHONPATH"] = os.pathsep.join([str(root), env.get("PYTHONPATH", "")])
    env.setdefault("DJANGO_SETTINGS_MODULE", "core.settings.test")
    runner = Path(__file__).with_name("fault_runner.py")
    done = subprocess.run(
        [sys.executable, str(runner), str(work)],
        env=env,
        cwd=root,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads((work / "answers.json").read_text("utf-8"))


@pytest.mark.parametrize("point", POINTS)
def test_all_or_nothing(answers: dict[str, Any], point: str) -> None:
    seen = answers[point]
    assert seen["code"] == 137, "the point was reached"
    assert seen["after"] == (NEW if point in COMMITTED else OLD)
    assert seen["again"] == 0 and seen["end"] == NEW
    assert seen["undone"] == 0 and seen["last"] == OLD | {"sets": ["applied", "undone"]}
