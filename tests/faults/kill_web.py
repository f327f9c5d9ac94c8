"""kill −9 of the web at random times during writes: nothing acknowledged is lost. `python -m tests.faults.kill_web --kills 200`

Several people upload files, one after the other, each file of another content. What was answered with 200 must be
there at the end: its row, its bytes under their hash, and the line of the record that says who wrote it. The database
must be sound, the sealed log complete, and nothing half written may lie about under a final name.
"""

import argparse
import hashlib
import http.client
import json
import random
import shutil
import sqlite3
import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.faults.harness import running_in
from tests.faults.webs import Client, Web, prepare

HOSPITAL = "binjiang"


class Writer(threading.Thread):
    """One person who writes without a pause, and notes what was acknowledged and what was left unanswered."""

    def __init__(self, url: str, account: list[str], number: int) -> None:
        super().__init__(daemon=True)
        self.client = Client(url, timeout=20)
        self.client.sign_in(*account)
        self.number, self.ending = number, threading.Event()
        self.kept: dict[str, str] = {}  # uid → sha256
        self.refused: dict[int, int] = {}
        self.unanswered = 0

    def run(self) -> None:
        """Until told to end."""
        count = 0
        while not self.ending.is_set():
            count += 1
            content = f"{self.number}:{count}:".encode() + random.randbytes(2000)
            try:
                status, said = self.client.upload(f"/api/v1/h/{HOSPITAL}/files", f"{count}.txt", content)
            except (OSError, http.client.HTTPException, ValueError):
                self.unanswered += 1
                time.sleep(0.05)
                continue
            if status == 200:
                self.kept[said["uid"]] = hashlib.sha256(content).hexdigest()
            else:
                self.refused[status] = self.refused.get(status, 0) + 1


def run(*, kills: int, writers: int, seed: int, home: Path, seconds: float) -> dict[str, Any]:
    """The whole suite in `home`; the figures."""
    begun, chance = time.monotonic(), random.Random(seed)
    stack, accounts = prepare(home)
    roles = [accounts[HOSPITAL][role] for role in ("pharmacy", "department_head", "doctor", "staff")]
    web, of_all, of_one = Web(stack), 0, 0
    slowest = 0.0
    people: list[Writer] = []
    try:
        web.wait_ready()
        people = [Writer(stack.url, roles[n % len(roles)], n) for n in range(writers)]
        for one in people:
            one.start()
        for kill in range(kills):
            time.sleep(chance.uniform(0.05, seconds))
            if kill % 4 == 3 and web.kill_one(chance.randrange(10)):
                of_one += 1
                continue
            web.kill()
            of_all += 1
            start = time.monotonic()
            web = Web(stack)
            web.wait_ready()
            slowest = max(slowest, time.monotonic() - start)
        time.sleep(0.5)
    finally:
        for one in people:
            one.ending.set()
        for one in people:
            one.join(30)
        if web.process.poll() is None:
            web.stop()
    kept = {uid: digest for one in people for uid, digest in one.kept.items()}
    return {
        "kills": kills,
        "kills_of_all": of_all,
        "kills_of_one": of_one,
        "acknowledged": len(kept),
        "unanswered": sum(one.unanswered for one in people),
        "refused": _sum([one.refused for one in people]),
        **_look(home, kept),
        **_verify(stack),
        "slowest_start_s": round(slowest, 2),
        "left_running": len(running_in(home)),
        "seconds": round(time.monotonic() - begun, 1),
        "seed": seed,
    }


def is_sound(found: dict[str, Any]) -> bool:
    """True if nothing acknowledged is lost and all is as it should be."""
    return bool(
        found["acknowledged"]
        and not found["rows_lost"]
        and not found["bytes_lost"]
        and not found["unrecorded"]
        and not found["damaged_files"]
        and found["integrity"] == "ok"
        and found["log_ok"]
        and found["unsealed"] == 0
        and not found["refused"]
        and found["left_running"] == 0
    )


def _look(home: Path, kept: dict[str, str]) -> dict[str, Any]:
    """Past the program: the rows in the file, the bytes on disk, the record."""
    with closing(sqlite3.connect(home / "qinglian.sqlite3")) as db:
        integrity = db.execute("PRAGMA integrity_check").fetchone()[0]
        rows = dict(db.execute("SELECT uid, sha256 FROM files_storedfile"))
        written = db.execute(
            "SELECT changes FROM audit_change WHERE \"table\" = 'files_storedfile' AND op = 'I'"
        )
        recorded = {json.loads(text)["uid"] for (text,) in written}
    lost = [uid for uid, digest in kept.items() if rows.get(uid.replace("-", "")) != digest]
    absent = [digest for digest in kept.values() if not (home / "files" / digest[:2] / digest).is_file()]
    recorded = {str(uid).replace("-", "") for uid in recorded}
    damaged = [
        path.name
        for path in (home / "files").glob("[0-9a-f][0-9a-f]/*")
        if len(path.name) == 64 and hashlib.sha256(path.read_bytes()).hexdigest() != path.name
    ]
    return {
        "rows": len(rows),
        "rows_lost": len(lost),
        "bytes_lost": len(absent),
        "unrecorded": sum(uid.replace("-", "") not in recorded for uid in kept),
        "damaged_files": len(damaged),
        "integrity": integrity,
    }


def _verify(stack: Any) -> dict[str, Any]:
    for _ in range(200):
        done = stack.manage("audit", "seal", "--json")
        if done.returncode or json.loads(done.stdout.splitlines()[-1]).get("sealed", 0) == 0:
            break
    done = stack.manage("audit", "verify", "--json")
    report = json.loads(done.stdout.splitlines()[-1])
    return {"log_ok": report["ok"], "log_size": report["size"], "unsealed": report["unsealed"]}


def _sum(counts: list[dict[int, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in counts:
        for status, number in one.items():
            found[str(status)] = found.get(str(status), 0) + number
    return found


def main() -> int:
    """Run and print the figures as JSON; 1 if something is lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--writers", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1.0, help="the longest time between two kills")
    parser.add_argument("--keep", action="store_true", help="keep the data folder and print it")
    asked = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="qinglian-kill-web-"))
    try:
        found = run(
            kills=asked.kills, writers=asked.writers, seed=asked.seed, home=home, seconds=asked.seconds
        )
    finally:
        if asked.keep:
            print(home, file=sys.stderr)
        else:
            shutil.rmtree(home, ignore_errors=True)
    print(json.dumps(found, ensure_ascii=False, indent=1))
    return 0 if is_sound(found) else 1


if __name__ == "__main__":
    sys.exit(main())
