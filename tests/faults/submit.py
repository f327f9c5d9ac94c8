"""A web process in small: commits a submission and prints when; with `--die` it is killed before the bell can ring.

`python -m tests.faults.submit KIND PARAMS [--die] [--idle SECONDS]`, run with the variables of `harness.environment`.
"""

import argparse
import json
import os
import signal
import time

import django


def main() -> None:
    """Submit one job in a transaction of its own and print {"uid", "committed_at"}."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind")
    parser.add_argument("params", type=json.loads)
    parser.add_argument("--die", action="store_true")
    parser.add_argument("--cancel-after", type=float, default=None)
    asked = parser.parse_args()
    django.setup()

    from django.db import transaction

    from core.jobs.domain import cancel, submit
    from core.kernel.context import Actor, acting

    by = Actor("user", "web", "测试")
    with acting(by):
        if asked.die:  # runs before the bell, which submit() hangs behind it
            transaction.on_commit(lambda: os.kill(os.getpid(), signal.SIGKILL))
        job = submit(asked.kind, asked.params, by=by, hospital=None)
    print(json.dumps({"uid": str(job.uid), "committed_at": time.time()}), flush=True)
    if asked.cancel_after is not None:
        time.sleep(asked.cancel_after)
        cancel(job, by=by)


if __name__ == "__main__":
    main()
