"""Kill at every point, two at once, a full disk: before or after, never between."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.lake.faults import POINTS

OLD = [["1", "2024-03-05", 2], ["2", "2024-03-05", 2], ["3", "2024-03-05", 2]]
NEW = [
    ["1", "2024-03-05", 2],
    ["2", "2024-03-05", 7],
    ["3", "2024-03-05", 2],
    ["5", "2024-04-02", 2],
    ["9", "2024-03-05", 7],
]
PUBLISHED = {"after_publish", "before_cleanup", "after_cleanup"}


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """What the runner saw; the run takes about half a minute."""
    work = tmp_path_factory.mktemp("faults")
    env = os.environ | {"QINGLIAN_HOME": str(work / "home"), "QINGLIAN_DATABASE_URL": ""}
    root = Path(__file__).parents[3]
    env["PYTHONPATH"] = os.pathsep.join([str(root), env.get("PYTHONPATH", "")])
    runner = Path(__file__).with_name("fault_runner.py")
    done = subprocess.run(
        [sys.executable, str(runner), str(work)],
        env=env,
        cwd=root,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads((work / "answers.json").read_text("utf-8"))


@pytest.mark.parametrize("point", POINTS)
def test_kill_leaves_old_or_new_and_retry_lands(answers, point):
    seen = answers["kills"][point]
    assert seen["code"] == 137, "the point was reached"
    assert seen["after"]["rows"] == (NEW if point in PUBLISHED else OLD)
    assert seen["after"]["missing"] == []
    assert seen["resumed"] == "done"
    assert seen["end"]["rows"] == NEW
    assert seen["end"]["orphans"] == []
    assert seen["other"] == "done", "another import is not held up by the dead one"
    assert seen["last"]["orphans"] == []
    assert len(seen["last"]["rows"]) == 6


def test_points_are_at_least_twenty():
    assert len(POINTS) >= 20


def test_work_folders_of_the_killed_are_gone_in_the_end(answers):
    assert answers["kills"][POINTS[-1]]["last"]["work"] == []


def test_two_at_once_both_land(answers):
    two = answers["two"]
    assert two["codes"] == [0, 0]
    assert two["rows"] == 10_000
    assert two["versions"] == [[1, 5000], [2, 10_000]]
    assert two["patients"] == two["distinct"] == 10_000
    assert two["orphans"] == []


def test_full_disk(answers):
    full = answers["full"]
    assert full["first"] == {
        "code": "disk_full",
        "detail": "服务器磁盘空间不足，本次没有写入任何数据。",
        "state": "failed",
    }
    assert full["upload"] == "disk_full"
    assert full["after"]["rows"] == []
    assert full["after"]["orphans"] == []
    assert full["drafts"] == []
    assert full["resumed"] == "done"
