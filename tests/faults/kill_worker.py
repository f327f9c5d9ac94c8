"""kill −9 of the worker at random times: every job still ends once. `python -m tests.faults.kill_worker --jobs 600 --kills 60`

Each job tells a local receiver its key and writes one row. At the end there must be as many rows as jobs, as many
distinct keys at the receiver, and no process left.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.faults.harness import Worker, environment, is_running, migrate, running_in, wait_gone


class Receiver:
    """An outside system: notes every key it is sent, and how often."""

    def __init__(self) -> None:
        self.calls: dict[str, int] = {}
        lock = threading.Lock()
        calls = self.calls

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                key = self.rfile.read(int(self.headers["Content-Length"])).decode()
                with lock:
                    calls[key] = calls.get(key, 0) + 1
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def run(*, jobs: int, kills: int, seed: int, home: Path, seconds: float) -> dict[str, Any]:
    """The whole suite in `home`; the figures. Raises AssertionError for a process that outlives its worker."""
    begun = time.monotonic()
    migrate(home)
    receiver = Receiver()
    import django

    django.setup()
    from django.db.models import Sum

    from core.jobs.domain import submit
    from core.jobs.models import Job, Outbox
    from core.kernel.context import Actor
    from tests.faults.app.models import Mark

    by = Actor("user", "kill-suite", "测试")
    chance = random.Random(seed)
    submitted, main_kills, child_kills, orphan_times = 0, 0, 0, []
    worker = Worker(home)
    try:
        for kill in range(kills):
            worker.wait_ready()
            upto = jobs * (kill + 1) // kills
            for _ in range(upto - submitted):
                spent = chance.uniform(0.01, 0.15)
                submit(
                    "faults.mark", {"url": receiver.url, "seconds": spent, "steps": 3}, by=by, hospital=None
                )
            submitted = upto
            time.sleep(chance.uniform(0.0, seconds))
            family = worker.children()
            if kill % 4 == 3 and family:  # one process of the group, as the kernel's OOM killer would
                victim = chance.choice(family)
                os.kill(victim, signal.SIGKILL)
                wait_gone([victim], 5)
                child_kills += 1
                continue
            left = worker.kill()
            start = time.monotonic()
            wait_gone(left, 5)
            orphan_times.append(time.monotonic() - start)
            main_kills += 1
            worker = Worker(home)
        limit = time.monotonic() + 300
        while Job.unscoped.filter(state__in=["queued", "running"]).exists() and time.monotonic() < limit:
            time.sleep(0.1)
        worker.wait_ready()
        family = [worker.process.pid, *worker.children()]
        stop_seconds = worker.stop()
        wait_gone(family, 2)
    finally:
        receiver.server.shutdown()
        for pid in running_in(home):
            if is_running(pid):
                os.kill(pid, signal.SIGKILL)
    keys = list(Mark.objects.values_list("key", flat=True))
    states = Job.unscoped.filter(kind__startswith="faults.").values_list("state", flat=True)
    return {
        "jobs": jobs,
        "kills_of_the_worker": main_kills,
        "kills_in_its_group": child_kills,
        "rows": len(keys),
        "distinct_rows": len(set(keys)),
        "distinct_keys_received": len(receiver.calls),
        "calls_received": sum(receiver.calls.values()),
        "states": {state: list(states).count(state) for state in sorted(set(states))},
        "leases_lost": Job.unscoped.aggregate(n=Sum("losses"))["n"],
        "outbox_left": Outbox.objects.filter(sent_at__isnull=True).count(),
        "results_left": _results_left(),
        "actors": sorted(set(Mark.objects.values_list("actor", flat=True))),
        "slowest_end_of_orphans_s": round(max(orphan_times, default=0), 3),
        "stop_s": round(stop_seconds, 2),
        "seconds": round(time.monotonic() - begun, 1),
        "seed": seed,
    }


def is_sound(found: dict[str, Any]) -> bool:
    """True if every job ended exactly once and nothing is left."""
    jobs = found["jobs"]
    return (
        found["rows"] == found["distinct_rows"] == found["distinct_keys_received"] == jobs
        and found["states"] == {"done": jobs}
        and found["outbox_left"] == 0
        and found["actors"] == ["user:kill-suite"]
    )


def main() -> int:
    """Run and print the figures as JSON; 1 if something is lost or doubled."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=600)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.8, help="the longest time between ready and kill")
    parser.add_argument("--keep", action="store_true", help="keep the data folder and print it")
    asked = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="qinglian-kill-"))
    values = environment(home)
    os.environ.clear()
    os.environ.update(values)
    try:
        found = run(jobs=asked.jobs, kills=asked.kills, seed=asked.seed, home=home, seconds=asked.seconds)
    finally:
        if not asked.keep:
            shutil.rmtree(home, ignore_errors=True)
    if asked.keep:
        found["home"] = str(home)
    print(json.dumps(found, ensure_ascii=False, indent=1))
    return 0 if is_sound(found) else 1


def _results_left() -> int:
    from huey.contrib.djhuey import HUEY

    return int(HUEY.result_count())


if __name__ == "__main__":
    sys.exit(main())
