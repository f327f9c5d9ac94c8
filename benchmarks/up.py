"""`python -m benchmarks.up`: this checkout copied as git would clone it, `make up` from nothing, the warnings asked for, `make down`.

Own folder, own data folder, free port (or QINGLIAN_BENCH_PORT). Needs the package index that `make up` needs.
Limits: `make up` ≤ 4 minutes; a second one ≤ 15 seconds; list of warnings p95 ≤ 100 ms; page and lines of one ≤ 300 ms.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import row
from benchmarks.timing import pages, percentile
from scripts.environment import ROOT
from scripts.stack import Stack, free_port
from tests.support.live import Live

FIRST, SECOND, LIST, OPEN = 240, 15, 100, 300
ROUNDS = 60
SHOWN = "binjiang"  # the demonstration hospital in which the plugin is enabled


def main() -> int:
    """Copy, start, measure, end. 1 when a limit is missed or a command fails."""
    with tempfile.TemporaryDirectory(prefix="qinglian-up-") as place:
        checkout, home = Path(place) / "checkout", Path(place) / "home"
        _copy(checkout)
        port = int(os.environ.get("QINGLIAN_BENCH_PORT") or free_port())
        env = {name: value for name, value in os.environ.items() if not name.startswith("QINGLIAN_")}
        for name in ("DJANGO_SETTINGS_MODULE", "PYTHONPATH", "VIRTUAL_ENV"):
            env.pop(name, None)
        env |= {"QINGLIAN_HOME": str(home), "QINGLIAN_PORT": str(port)}
        good = True
        try:
            for name, limit in (("make up，从零开始", FIRST), ("make up，第二次", SECOND)):
                begun = time.monotonic()
                done = subprocess.run(["make", "up"], cwd=checkout, env=env, capture_output=True, text=True)
                if done.returncode:
                    print(done.stdout + done.stderr)
                    row(name, "没有成功", f"≤ {limit} 秒", False)
                    return 1
                spent = time.monotonic() - begun
                row(name, f"{spent:.0f} 秒", f"≤ {limit} 秒", spent <= limit)
                good = good and spent <= limit
            live = Live(Stack(home, port))
            answers = [good, _warnings(live), _recomputed(home)]
            return 0 if all(answers) else 1
        finally:
            subprocess.run(["make", "down"], cwd=checkout, env=env, capture_output=True)


def _copy(checkout: Path) -> None:
    """What git has and would add: the state here, committed or not."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.split("\0"):
        if name and (ROOT / name).is_file():
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, checkout / name)


def _recomputed(home: Path) -> bool:
    """What the pages of the shown hospital's newest run say, compared with pandas over the pinned files."""
    command = [sys.executable, "-m", "benchmarks.warning.recompute", str(home), SHOWN]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    print(done.stdout, end="")
    found = re.search(r"recomputed (\d+) findings, (\d+) differ", done.stdout)
    if found is None:
        row("pandas 另算", "没有结果", "", False)
        return False
    row(f"pandas 另算 {found[1]} 条：不同", found[2], "0", found[2] == "0")
    return not done.returncode


def _warnings(live: Live) -> bool:
    account = live.account("inspector")
    api = live.api("inspector")
    slug = account.get("slug") or api.get("/api/v1/session")[1]["hospitals"][0]["slug"]
    base = f"/api/v1/h/{slug}/resources/warning.warning/rows"
    found = pages(api, base, {}, ROUNDS)
    late = percentile(found.milliseconds, 95)
    row(
        f"预警列表（共 {found.body['count']['value']} 条）：p95",
        f"{late:.0f} 毫秒",
        f"≤ {LIST}",
        late <= LIST,
    )
    good = late <= LIST
    slowest: dict[str, float] = {}
    for one in found.body["rows"][:10]:
        opened = pages(api, f"{base}/{one['uid']}", {}, 3)
        slowest["打开一条预警"] = max(slowest.get("打开一条预警", 0), percentile(opened.milliseconds, 50))
        for panel in opened.body["panels"]:
            if "source" in panel:
                lines = percentile(pages(api, panel["source"]["url"], {}, 3).milliseconds, 50)
                slowest["预警背后的明细"] = max(slowest.get("预警背后的明细", 0), lines)
    for name, spent in slowest.items():
        row(f"{name}：最慢", f"{spent:.0f} 毫秒", f"≤ {OPEN}", spent <= OPEN)
        good = good and spent <= OPEN
    return good and "预警背后的明细" in slowest


if __name__ == "__main__":
    sys.exit(main())
