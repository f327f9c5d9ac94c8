"""`make test` and `make test-embedded`: sets everything up, runs pytest in stages, ends what it started.

The last line is `N passed, N failed` over all stages. A skipped test counts as failed (tests/support/plugin.py),
and so does a stage that selects no test: a missing part is a failure.
"""

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
            good, bad = _run(stage, arguments, folder / f"{number}.xml")
            passed, failed = passed + good, failed + bad
    say(f"\n用时 {(time.monotonic() - began) / 60:.1f} 分钟")
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


def _run(stage: Stage, arguments: list[str], report: Path) -> tuple[int, int]:
    command = [str(PYTHON), "-m", "pytest", *stage.places, "-m", stage.marks, "-q", "--durations=5"]
    command += ["-n", str(stage.workers), "--dist", "worksteal"] if stage.workers else ["-p", "no:xdist"]
    command += [f"--junitxml={report}", "-o", "junit_logging=no", *arguments]
    env = {**os.environ, **stage.env, "QINGLIAN_TEST_STRICT": "1", "PYTHONUNBUFFERED": "1"}
    code = subprocess.run(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL).returncode
    try:
        suites = list(ET.parse(report).getroot().iter("testsuite"))
    except (OSError, ET.ParseError):
        return 0, 1
    total, bad = (sum(int(suite.get(key, 0)) for suite in suites) for key in ("tests", "failures"))
    errors = sum(int(suite.get("errors", 0)) for suite in suites)
    skipped = sum(int(suite.get("skipped", 0)) for suite in suites)
    bad += errors
    if code and not bad:
        bad = 1
    return max(total - bad - skipped, 0), bad


if __name__ == "__main__":
    run(test)
