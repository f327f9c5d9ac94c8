"""`make test` and `make test-embedded`: sets everything up, runs pytest in stages, ends what it started.

The last line is `N passed, N failed` over all stages. A skipped test counts as failed (tests/support/plugin.py),
and so does a stage that selects no test: a missing part is a failure. A few failed tests are asked once more, alone:
one that passes then is counted as passed and named at the end as unsteady, to be mended; a fault fails twice.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from scripts import servers
from scripts.environment import PYTHON, ROOT, ensure
from scripts.say import Stop, run, say

#: Tests that need one of PostgreSQL, Redis, Elasticsearch, Chromium, Node, or the processor for themselves.
SPECIAL = "e2e or postgres or redis or elasticsearch or node or faults"
#: The suites that touch a database, run a second time on PostgreSQL with Redis.
DATABASE_SUITES = ("tests/integration", "tests/contract", "tests/leak")
#: So many failures of one stage are asked again; more are no accident of a busy machine.
ASKED_AGAIN = 5


@dataclass
class Stage:
    """One pytest run."""

    name: str
    places: tuple[str, ...]
    marks: str
    workers: int = 2
    env: dict[str, str] = field(default_factory=dict)


def test() -> int:
    """Run all stages of the named kind; 0 only if every test of every stage passed."""
    kind, arguments = sys.argv[1], sys.argv[2:]
    began = time.monotonic()
    ensure("test")
    passed = failed = 0
    unsteady: list[str] = []
    with ExitStack() as opened:
        try:
            stages = _embedded() if kind == "embedded" else _full(opened)
        except Stop as stop:
            say(f"停止：{stop}")
            say("0 passed, 1 failed")
            return 1
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="qinglian-test-")))
        for number, stage in enumerate(stages, 1):
            say(f"\n== 第 {number}/{len(stages)} 段：{stage.name} ==")
            good, bad, second = _run(stage, arguments, folder / str(number))
            passed, failed = passed + good, failed + bad
            unsteady += second
    say(f"\n用时 {(time.monotonic() - began) / 60:.1f} 分钟")
    for name in unsteady:
        say(f"第二次才通过，需要找出原因：{name}")
    say(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


def _embedded() -> list[Stage]:
    embedded = {"QINGLIAN_DATABASE_URL": "", "QINGLIAN_REDIS_URL": "", "QINGLIAN_SEARCH_URL": ""}
    return [
        Stage("SQLite，内置队列", ("tests",), f"not ({SPECIAL})", env=embedded),
        Stage(
            "故障：强行中断",
            ("tests",),
            "faults and not (postgres or redis or elasticsearch or e2e)",
            workers=0,
            env=embedded,
        ),
    ]


def _full(opened: ExitStack) -> list[Stage]:
    servers.install_missing()
    say("正在启动测试用的 PostgreSQL、Redis 与 Elasticsearch …")
    outside = {"QINGLIAN_DATABASE_URL": opened.enter_context(servers.postgresql())}
    outside["QINGLIAN_REDIS_URL"] = opened.enter_context(servers.redis())
    found = {"QINGLIAN_SEARCH_URL": opened.enter_context(servers.elasticsearch())}
    embedded = {"QINGLIAN_DATABASE_URL": "", "QINGLIAN_REDIS_URL": "", "QINGLIAN_SEARCH_URL": ""}
    outside["QINGLIAN_SEARCH_URL"] = ""
    suites = tuple(place for place in DATABASE_SUITES if (ROOT / place).is_dir())
    return [
        Stage(
            "SQLite，内置队列",
            ("tests",),
            "not (e2e or postgres or redis or elasticsearch or faults)",
            env=embedded,
        ),
        Stage(
            "PostgreSQL 与 Redis", suites, "not (e2e or faults or node or elasticsearch or once)", env=outside
        ),
        Stage("Elasticsearch", ("tests",), "elasticsearch and not e2e", workers=0, env=embedded | found),
        Stage("故障：强行中断", ("tests",), "faults and not e2e", workers=0, env=embedded),
        Stage("真实浏览器", ("tests",), "e2e and not postgres", workers=0, env=embedded),
    ]


def _run(stage: Stage, arguments: list[str], report: Path) -> tuple[int, int, list[str]]:
    """How many passed and failed, and which of the passed needed a second time."""
    workers = ["-n", str(stage.workers), "--dist", "worksteal"] if stage.workers else ["-p", "no:xdist"]
    total, bad = _pytest(stage, [*workers, *arguments], report)
    failed = _failed(report)
    if not bad or bad != len(failed) or bad > ASKED_AGAIN:
        return total - bad, bad, []
    say(f"\n== {stage.name}：{bad} 项没有通过，单独再做一次 ==")
    _pytest(stage, ["-p", "no:xdist", "--last-failed", "--last-failed-no-failures=none", *arguments], report)
    still = _failed(report)
    return total - len(still), len(still), [name for name in failed if name not in still]


def _pytest(stage: Stage, arguments: list[str], report: Path) -> tuple[int, int]:
    """One run: how many tests there were (a skipped one counts), and how many did not pass."""
    command = [str(PYTHON), "-m", "pytest", *stage.places, "-m", stage.marks, "-q", "--durations=5"]
    command += [f"--junitxml={report}.xml", "-o", "junit_logging=no", "-o", f"cache_dir={report}", *arguments]
    env = {**os.environ, **stage.env, "QINGLIAN_TEST_STRICT": "1", "PYTHONUNBUFFERED": "1"}
    code = subprocess.run(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL).returncode
    try:
        suites = list(ET.parse(f"{report}.xml").getroot().iter("testsuite"))
    except (OSError, ET.ParseError):
        return 1, 1
    total, bad, errors, skipped = (
        sum(int(suite.get(key, 0)) for suite in suites) for key in ("tests", "failures", "errors", "skipped")
    )
    bad += errors + skipped
    return (total, bad) if bad or not code else (total + 1, 1)


def _failed(report: Path) -> list[str]:
    """The tests that the last run of this stage left failed."""
    try:
        return list(json.loads((report / "v/cache/lastfailed").read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return []


if __name__ == "__main__":
    run(test)
