"""`make check`: everything that can be said about the code without running its tests; parts run side by side."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from scripts import house_rules
from scripts.environment import PYTHON, ROOT, ensure
from scripts.say import run, say

Part = Callable[[dict[str, str]], tuple[int, str]]


@dataclass
class Outcome:
    """How one part ended."""

    name: str
    code: int
    text: str
    seconds: float


def check() -> int:
    """Run all parts, print a table, then what the failed ones said. 0 only if all are clean."""
    ensure("test")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="qinglian-check-") as home, ThreadPoolExecutor(4) as pool:
        env = {**os.environ, "QINGLIAN_HOME": home, "DJANGO_SETTINGS_MODULE": "core.settings.embedded"}
        env |= {"QINGLIAN_DATABASE_URL": "", "QINGLIAN_REDIS_URL": ""}
        started = [pool.submit(_time, name, part, env) for name, part in _parts().items()]
        outcomes = [one.result() for one in started]
    for one in outcomes:
        say(f"{'通过' if not one.code else '不通过'}\t{one.seconds:5.1f} 秒\t{one.name}")
    for one in outcomes:
        if one.text.strip() and (one.code or one.name == "自家规矩"):
            say(f"\n---- {one.name} ----\n{one.text.strip()}")
    bad = sum(1 for one in outcomes if one.code)
    say(f"\n{'全部通过' if not bad else f'{bad} 项不通过'}，用时 {time.monotonic() - began:.1f} 秒")
    return 1 if bad else 0


def _parts() -> dict[str, Part]:
    """Name → part, the slow ones first."""
    python = str(PYTHON)
    return {
        "类型 mypy": _command(python, "-m", "mypy"),
        "导入规则": _command(python, "-c", "from importlinter.cli import lint_imports_command as run; run()"),
        "迁移齐全": _command(python, "manage.py", "makemigrations", "--check", "--dry-run"),
        "接口文档最新": _command(python, "manage.py", "openapi", "--check"),
        "成品网页最新": _command("scripts/build-site", "--check"),
        "代码检查 ruff": _command(python, "-m", "ruff", "check", "--quiet", "."),
        "格式 ruff": _command(python, "-m", "ruff", "format", "--check", "--quiet", "."),
        "译文最新": _command(python, "-m", "scripts.catalogue", "--check"),
        "自家规矩": lambda env: house_rules.check(),
    }


def _command(*argv: str) -> Part:
    def part(env: dict[str, str]) -> tuple[int, str]:
        try:
            done = subprocess.run(
                argv, cwd=ROOT, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return 1, str(error)
        return done.returncode, done.stdout + done.stderr

    return part


def _time(name: str, part: Part, env: dict[str, str]) -> Outcome:
    began = time.monotonic()
    try:
        code, text = part(env)
    except Exception as error:  # a part that breaks is a finding, the others still speak
        code, text = 1, repr(error)
    return Outcome(name, code, text, time.monotonic() - began)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    run(check)
