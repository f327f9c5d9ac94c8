"""PostgreSQL or Redis gone, slow or black-holed while people read and write. `python -m tests.faults.outage --seconds 60`

Real servers behind a proxy of our own (tests/faults/proxy.py), the app in its production settings. Asked all the time:
a page of the site, a page of the API, an upload. What the figures must show: without the database every answer is a 503
with its sentence (in a browser a page that tries again by itself), within the app's own limits, and nothing is acknowledged that is not in the
database; without Redis nobody notices; afterwards all is well within 30 s and nobody lifts a hand.
"""

import argparse
import hashlib
import http.client
import json
import secrets
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg

from scripts import processes, servers
from scripts.stack import Stack
from tests.faults.proxy import Proxy
from tests.faults.webs import Client, Web, prepare

HOSPITAL = "binjiang"
#: The app's own limits: 5 s to connect or 10 s for an answer, some questions of one request before the breaker trips.
SLOWEST = 25.0
RECOVERY = 30.0


class Asker(threading.Thread):
    """Asks one thing again and again; notes when, what came and how long it took."""

    def __init__(self, place: "Place", what: str) -> None:
        super().__init__(daemon=True)
        self.place, self.what, self.ending = place, what, threading.Event()
        self.client = place.client()
        self.notes: list[tuple[float, int, float, str]] = []
        self.kept: dict[str, str] = {}

    def run(self) -> None:
        """Until told to end."""
        while not self.ending.is_set():
            start = time.monotonic()
            try:
                status, said = self._ask()
            except (OSError, http.client.HTTPException, ValueError) as error:
                status, said = 0, repr(error)
            text = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
            self.notes.append((start, status, time.monotonic() - start, text[:900]))
            time.sleep(0.2)

    def _ask(self) -> tuple[int, Any]:
        if self.what == "shell":
            return self.client.ask("GET", f"/h/{HOSPITAL}/")
        if self.what == "read":
            return self.client.ask("GET", f"/api/v1/h/{HOSPITAL}/home")
        content = secrets.token_bytes(500)
        status, said = self.client.upload(f"/api/v1/h/{HOSPITAL}/files", "a.txt", content)
        if status == 200:
            self.kept[said["uid"]] = hashlib.sha256(content).hexdigest()
        return status, said


class Place:
    """The app with both servers behind proxies."""

    def __init__(self, stack: Stack, accounts: Any, database: Proxy, redis: Proxy, straight: str) -> None:
        self.stack, self.database, self.redis, self.straight = stack, database, redis, straight
        self._accounts = accounts

    def client(self) -> Client:
        """A signed-in person; the front's headers are ours here."""
        address = f"https://{self.stack.host}:{self.stack.port}/"
        made = Client(self.stack.url, timeout=60, headers={"X-Forwarded-Proto": "https", "Referer": address})
        made.sign_in(*self._accounts[HOSPITAL]["pharmacy"])
        return made

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Past the proxy."""
        with psycopg.connect(self.straight) as connection:
            return connection.execute(sql).fetchall()


@contextmanager
def place() -> Iterator[Place]:
    """Servers, proxies, a small world, web and worker; all ended at the end."""
    with ExitStack() as opened:
        straight, real_redis = (
            opened.enter_context(servers.postgresql()),
            opened.enter_context(servers.redis()),
        )
        home = Path(tempfile.mkdtemp(prefix="qinglian-outage-"))
        opened.callback(shutil.rmtree, home, ignore_errors=True)
        database, redis = Proxy(straight), Proxy(real_redis)
        opened.callback(database.close)
        opened.callback(redis.close)
        extra = {
            "DJANGO_SETTINGS_MODULE": "core.settings.production",
            "QINGLIAN_DATABASE_URL": database.url,
            "QINGLIAN_REDIS_URL": redis.url,
            "QINGLIAN_SECRET_KEY": secrets.token_urlsafe(60),
            "QINGLIAN_HOSTS": "127.0.0.1",
        }
        stack, accounts = prepare(home, extra)
        web = Web(stack)
        opened.callback(web.stop)
        stack._start("worker", [str(stack.python), "manage.py", "worker"])
        opened.callback(processes.stop, stack.record("worker"))
        web.wait_ready()
        found = Place(stack, accounts, database, redis, straight)
        _worker_works(found, 60)
        yield found


def run(where: Place, server: str, mode: str, seconds: float) -> dict[str, Any]:
    """One outage: some calm, the fault, and half a minute at most to be well again; the figures."""
    proxy = {"postgresql": where.database, "redis": where.redis}[server]
    askers = [Asker(where, what) for what in ("shell", "read", "write")]
    for one in askers:
        one.start()
    try:
        time.sleep(2)
        proxy.mode = mode
        broken = time.monotonic()
        time.sleep(seconds)
        proxy.mode = "pass"
        mended, clock = time.monotonic(), time.time()
        worker = _worker_works(where, RECOVERY + 15, after=clock)
        while time.monotonic() < mended + 3 or (
            time.monotonic() < mended + RECOVERY + 5 and not all(_well(one, mended) for one in askers)
        ):
            time.sleep(0.2)
    finally:
        proxy.mode = "pass"
        for one in askers:
            one.ending.set()
        for one in askers:
            one.join(60)
    kept = {uid: digest for one in askers for uid, digest in one.kept.items()}
    rows = {str(uid): digest for uid, digest in where.ask("SELECT uid, sha256 FROM files_storedfile")}
    found: dict[str, Any] = {"server": server, "mode": mode, "seconds": seconds}
    for one in askers:
        during = [note for note in one.notes if broken <= note[0] < mended]
        found[one.what] = {
            "answers": dict(sorted(Counter(str(status) for _, status, _, _ in during).items())),
            "slowest_s": round(max((took for _, _, took, _ in during), default=0), 1),
            "well_after_s": round(_recovered(one, mended), 1),
            "said": next((text for _, status, _, text in during if status >= 500), "")[-700:],
        }
    found |= {
        "acknowledged": len(kept),
        "lost": sum(rows.get(uid) != digest for uid, digest in kept.items()),
        "worker_well_after_s": round(worker, 1),
    }
    return found


def faults(found: dict[str, Any]) -> list[str]:
    """What is not as it should be, as sentences; empty when sound."""
    said = []
    away = found["server"] == "postgresql" and found["mode"] != "slow"
    for what in ("shell", "read", "write"):
        one = found[what]
        good = {"200", "503"} if found["server"] == "postgresql" else {"200"}
        if strange := set(one["answers"]) - good:
            said.append(f"{what}: answers {sorted(strange)} ({one['said']})")
        if one["slowest_s"] > SLOWEST:
            said.append(f"{what}: one took {one['slowest_s']} s")
        if one["well_after_s"] > RECOVERY:
            said.append(f"{what}: well only after {one['well_after_s']} s")
    for what in ("shell", "read", "write"):
        if away and "503" in found[what]["answers"] and "暂时没有应答" not in found[what]["said"]:
            said.append(f"{what}: no notice told the reader")
    if found["lost"]:
        said.append(f"{found['lost']} acknowledged writes lost")
    if found["worker_well_after_s"] > RECOVERY:
        said.append(f"the worker is well only after {found['worker_well_after_s']} s")
    return said


def _well(one: Asker, since: float) -> bool:
    return _recovered(one, since) < 900


def _recovered(one: Asker, since: float) -> float:
    """Seconds from `since` until answers stay 200 (three in a row, to the end); 999 if they never do."""
    later = [(start, status, took) for start, status, took, _ in one.notes if start >= since - SLOWEST]
    well: float | None = None
    count = 0
    for start, status, took in later:
        if start + took < since:
            continue
        if status == 200:
            well = start + took if well is None else well
            count += 1
        else:
            well, count = None, 0
    return max(well - since, 0.0) if well is not None and count >= 3 else 999.0


def _worker_works(where: Place, seconds: float, after: float = 0.0) -> float:
    """Seconds until a recurring job has ended well that was begun after that instant; 999 if none does."""
    start = time.monotonic()
    while time.monotonic() < start + seconds:
        rows = where.ask(
            "SELECT count(*) FROM jobs_job WHERE state = 'done' AND kind = 'audit.seal' AND"
            f" started_at > to_timestamp({after})"
        )
        if rows[0][0]:
            return time.monotonic() - start
        time.sleep(0.5)
    return 999.0


def main() -> int:
    """All six outages; one JSON line each; 1 if one is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--server", choices=["postgresql", "redis"])
    parser.add_argument("--mode", choices=["gone", "slow", "hole"])
    asked = parser.parse_args()
    bad = 0
    with place() as where:
        for server in [asked.server] if asked.server else ["postgresql", "redis"]:
            for mode in [asked.mode] if asked.mode else ["gone", "slow", "hole"]:
                found = run(where, server, mode, asked.seconds)
                found["faults"] = faults(found)
                bad += bool(found["faults"])
                print(json.dumps(found, ensure_ascii=False), flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
