"""Web, worker, an import and a reindex under load. `python -m benchmarks.load [--servers] [--seconds 180] [--rate 30]`

Default: SQLite, 8 web threads, 2 workers, 3 minutes at 30 requests/s. `--servers`: PostgreSQL and Redis of its own,
10 minutes at 60/s, in the production settings. Meanwhile one command imports prescription lines into one hospital and
another rebuilds the search index, each again and again. Limits: 0 errors, 0 “locked”, 95 of 100 answers within 500 ms,
counted from the moment each request was due.
"""

import argparse
import json
import os
import random
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks import row
from benchmarks.load.lines import lines_of
from scripts import processes, servers
from scripts.environment import ROOT
from scripts.stack import Stack
from tests.faults.webs import Client, Web, prepare

HOSPITAL = "binjiang"
ROLES = ("pharmacy", "department_head", "doctor", "staff", "leader", "supplies", "reviewer")
P95 = 0.5
#: Seconds between the end of one import, or reindexing, and the next.
PAUSE = 20


def main() -> int:
    """Run and print the rows; 1 when a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", action="store_true", help="PostgreSQL and Redis instead of SQLite")
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--rate", type=float, default=0)
    parser.add_argument("--lines", type=int, default=20_000, help="lines of each import")
    asked = parser.parse_args()
    seconds = asked.seconds or (600 if asked.servers else 180)
    rate = asked.rate or (60 if asked.servers else 30)
    with ExitStack() as opened:
        home = Path(tempfile.mkdtemp(prefix="qinglian-load-"))
        opened.callback(shutil.rmtree, home, ignore_errors=True)
        extra = {
            "QINGLIAN_WEB_THREADS": "4",
            "QINGLIAN_WORKERS": "2",
        }  # gunicorn has two processes: 8 threads
        headers: dict[str, str] = {}
        if asked.servers:
            extra |= {
                "DJANGO_SETTINGS_MODULE": "core.settings.production",
                "QINGLIAN_DATABASE_URL": opened.enter_context(servers.postgresql()),
                "QINGLIAN_REDIS_URL": opened.enter_context(servers.redis()),
                "QINGLIAN_SECRET_KEY": secrets.token_urlsafe(60),
                "QINGLIAN_HOSTS": "127.0.0.1",
            }
            headers = {"X-Forwarded-Proto": "https"}
        stack, accounts = prepare(home, extra)
        file = home / "lines.csv"
        file.write_text(lines_of(asked.lines, random.Random(1)), encoding="utf-8")
        _import(stack, file)
        web = Web(stack)
        opened.callback(web.stop)
        stack._start("worker", [str(stack.python), "manage.py", "worker"])
        opened.callback(processes.stop, stack.record("worker"))
        web.wait_ready()
        headers["Referer"] = stack.url.replace("http:", "https:" if headers else "http:") + "/"
        orders = {
            "port": stack.port,
            "rate": rate,
            "seconds": seconds,
            "headers": headers,
            "people": _people(stack, accounts, headers),
            "mix": _mix(stack, accounts, headers),
        }
        found, beside = _load(stack, orders, asked.lines, home)
    said = json.dumps({**found, "beside": beside}, ensure_ascii=False)
    print(said)
    return _tell("PostgreSQL 与 Redis" if asked.servers else "SQLite", rate, seconds, found, beside)


def _tell(where: str, rate: float, seconds: float, found: dict[str, Any], beside: dict[str, Any]) -> int:
    bad = sum(n for status, n in found["statuses"].items() if not 200 <= int(status) < 400)
    bad += found["wanted"] - found["answered"]
    p95 = found["seconds"]["0.95"]
    name = f"{where}，每秒 {rate:g} 次，{seconds:g} 秒"
    row(f"{name}：95% 的应答", f"{p95 * 1000:.0f} 毫秒", "500 毫秒", p95 <= P95)
    row(f"{name}：错误", f"{bad} / {found['wanted']}", "0", bad == 0)
    row(f"{name}：locked", str(beside["locked"]), "0", beside["locked"] == 0)
    row(f"{name}：期间的导入", f"{beside['imports']} 次，失败 {beside['import_failures']}", "0 失败",
        beside["imports"] > 0 and not beside["import_failures"])  # fmt: skip
    row(f"{name}：期间的重建索引", f"{beside['reindexes']} 次，失败 {beside['reindex_failures']}", "0 失败",
        beside["reindexes"] > 0 and not beside["reindex_failures"])  # fmt: skip
    sound = p95 <= P95 and not bad and not beside["locked"]
    return 0 if sound and not beside["import_failures"] and not beside["reindex_failures"] else 1


def _load(
    stack: Stack, orders: dict[str, Any], lines: int, home: Path
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The generator in a process of its own; beside it imports and reindexing until it ends."""
    ending = threading.Event()
    beside: dict[str, Any] = dict.fromkeys(("imports", "import_failures", "reindexes", "reindex_failures"), 0)
    said: list[str] = []

    def imports() -> None:
        number = 1
        while not ending.is_set():
            number += 1
            file = home / f"lines-{number}.csv"
            file.write_text(lines_of(lines, random.Random(number)), encoding="utf-8")
            done = _import(stack, file, must=False)
            beside["imports"] += 1
            beside["import_failures"] += bool(done.returncode)
            said.append(done.stdout[-500:] + done.stderr[-500:] if done.returncode else done.stderr)
            ending.wait(PAUSE)

    def reindex() -> None:
        while not ending.is_set():
            done = stack.manage("search", "rebuild", "--json")
            beside["reindexes"] += 1
            beside["reindex_failures"] += bool(done.returncode)
            said.append(done.stderr[-500:])
            ending.wait(PAUSE)

    others = [threading.Thread(target=one) for one in (imports, reindex)]
    for one in others:
        one.start()
    generator = subprocess.run(
        [sys.executable, "-m", "benchmarks.load.generator"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        input=json.dumps(orders),
        capture_output=True,
        text=True,
        timeout=orders["seconds"] + 300,
    )
    ending.set()
    for one in others:
        one.join(300)
    assert generator.returncode == 0, generator.stderr[-3000:]
    text = "\n".join([stack.log(name).read_text(errors="replace") for name in ("web", "worker")] + said)
    beside["locked"] = text.count("database is locked")
    beside["errors_in_logs"] = text.count("Traceback (most recent call last)")
    beside["said"] = [one for one in said if one.strip()][:3]
    return json.loads(generator.stdout), beside


def _people(stack: Stack, accounts: Any, headers: dict[str, str]) -> list[dict[str, str]]:
    found = []
    for role in ROLES:
        if account := accounts[HOSPITAL].get(role):
            client = Client(stack.url, headers=headers)
            client.sign_in(*account)
            cookie = "; ".join(f"{key}={value}" for key, value in client.cookies.items())
            found.append({"cookie": cookie, "csrf": client.csrf})
    return found


def _mix(stack: Stack, accounts: Any, headers: dict[str, str]) -> list[dict[str, Any]]:
    """What people do, by weight: mostly look, sometimes search, sometimes write. Only what answers is asked."""
    base = f"/api/v1/h/{HOSPITAL}"
    looks = [f"{base}/home", f"{base}/menu", f"{base}/notices/count", f"{base}/notices", "/api/v1/session"]
    pages = [f"/h/{HOSPITAL}/", f"{base}/cms/home", "/api/v1/hospitals"]
    asks = [f"{base}/search?q={word}" for word in ("%E7%A7%91", "%E8%8D%AF", "keshi", "%E5%86%85%E7%A7%91")]
    lists = [f"{base}/resources/{key}/rows" for key in ("org.department", "org.person", "regulations.rule")]
    client = Client(stack.url, headers=headers)
    client.sign_in(*accounts[HOSPITAL]["staff"])
    groups = (looks, pages, asks, lists)
    answering = {one for group in groups for one in group if client.ask("GET", one)[0] == 200}
    looks, pages, asks, lists = ([one for one in group if one in answering] for group in groups)
    mix: list[dict[str, Any]] = [
        {"kind": "look", "weight": 50, "method": "GET", "paths": looks},
        {"kind": "list", "weight": 10, "method": "GET", "paths": lists},
        {"kind": "page", "weight": 15, "method": "GET", "paths": pages},
        {"kind": "search", "weight": 10, "method": "GET", "paths": asks},
        {"kind": "write", "weight": 15, "method": "POST", "paths": [f"{base}/files"], "upload": True},
    ]
    return [one for one in mix if one["paths"]]


def _import(stack: Stack, file: Path, *, must: bool = True) -> subprocess.CompletedProcess[str]:
    words = ["lake", "import", "--hospital", HOSPITAL, "--dataset", "prescription_lines", "--file", str(file)]
    done = stack.manage(*words, "--accept-partial", "--json")
    assert not must or done.returncode == 0, done.stdout + done.stderr
    return done


if __name__ == "__main__":
    sys.exit(main())
