"""`python -m benchmarks.gateway`: pages of 50 out of 100,000 rows under policy, over HTTP on SQLite.

Web and worker as `make up` starts them, in the data folder QINGLIAN_HOME (empty) or a temporary one. Posts are the rows:
one field is of class 3, so each page writes a read event too. Limits: p95 ≤ 100 ms and ≤ 8 statements for each kind of page.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import row
from benchmarks.timing import pages, percentile
from scripts.environment import ROOT
from scripts.stack import Stack, free_port
from tests.support.live import Api

ROWS, ROUNDS = 100_000, 60
MILLISECONDS, QUERIES = 100, 8
LIST = "/api/v1/h/bench/resources/org.post/rows"


def main() -> int:
    """Fill, start, ask, stop. 1 when a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--port", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="qinglian-bench-") as spare:
        home = Path(os.environ.get("QINGLIAN_HOME") or spare)
        extra = {"DJANGO_SETTINGS_MODULE": "benchmarks.gateway.settings"}
        extra |= {"QINGLIAN_DATABASE_URL": "", "QINGLIAN_REDIS_URL": ""}
        stack = Stack(home, asked.port or free_port(), extra=extra, python=Path(sys.executable))
        for step in (("migrate", "--no-input", "-v", "0"), ("collectstatic", "--no-input", "-v", "0")):
            done = stack.manage(*step)
            if done.returncode:
                sys.exit(done.stdout + done.stderr)
        command = [sys.executable, "-m", "benchmarks.gateway.fill", str(asked.rows)]
        filled = subprocess.run(
            command, cwd=ROOT, env=stack.env, stdout=subprocess.PIPE, text=True, check=True
        )
        accounts = json.loads(filled.stdout.splitlines()[-1])
        print(f"{asked.rows:,} 行，每页 50 行，每种 {asked.rounds} 次")
        try:
            stack.start()
            good = [_measure(Api(stack.url), account, asked.rounds) for account in accounts]
        finally:
            stack.stop()
    return 0 if all(good) else 1


def _kinds() -> list[tuple[str, dict[str, Any], bool]]:
    """Name, what is asked, whether the second page is meant."""
    role = {"op": "eq", "args": [{"field": "role"}, {"value": "doctor"}]}
    since = {"op": "ge", "args": [{"field": "starts_on"}, {"value": "2023-01-01"}]}
    both = json.dumps({"op": "and", "args": [role, since]})
    return [
        ("默认顺序", {}, False),
        ("将到期在前", {"order": "ends_on"}, False),
        ("筛选角色与日期", {"where": both, "order": "-starts_on"}, False),
        ("第二页", {"order": "-starts_on"}, True),
        ("查找常见文字", {"q": "职务3"}, False),
        ("查找少见文字", {"q": "人0123"}, False),
        ("查找没有的文字", {"q": "不存在"}, False),
    ]


def _measure(api: Api, account: dict[str, str], rounds: int) -> bool:
    api.sign_in(account["username"], account["password"])
    good = True
    for name, asked, second in _kinds():
        found = pages(api, LIST, asked, rounds, second=second)
        late = percentile(found.milliseconds, 95)
        quick, few = late <= MILLISECONDS, found.queries <= QUERIES
        good = good and quick and few
        row(f"{account['name']} · {name}：p95", f"{late:.0f} 毫秒", f"≤ {MILLISECONDS}", quick)
        half, cpu = percentile(found.milliseconds, 50), percentile(found.cpu, 50)
        row(f"{account['name']} · {name}：中位数，其中 CPU", f"{half:.0f} 毫秒，{cpu:.0f} 毫秒")
        row(f"{account['name']} · {name}：查询", f"{found.queries} 条", f"≤ {QUERIES}", few)
    return good


if __name__ == "__main__":
    sys.exit(main())
