"""Runs in a process of its own against a database of its own: opens accounts for many while the worker is killed.

    opening_runner.py FOLDER PEOPLE KILLS

Each attempt is a forked child, killed with SIGKILL after a number of accounts that differs from attempt to attempt;
prints what there is at the end as JSON.
"""

import json
import os
import signal
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connections  # noqa: E402

from core.accounts.domain import opening as openings  # noqa: E402
from core.accounts.models import OneTimeCode, OpenedLine, Opening  # noqa: E402
from core.jobs.domain import lease, submit  # noqa: E402
from core.jobs.domain.run import execute  # noqa: E402
from core.jobs.models import Job  # noqa: E402
from core.jobs.testing import run_pending  # noqa: E402
from core.kernel import clock  # noqa: E402
from core.kernel.context import Actor, acting, actor_scope, hospital_scope  # noqa: E402
from core.org.domain import people  # noqa: E402
from core.org.domain.trees import create_hospital  # noqa: E402
from core.org.models import Hospital, User  # noqa: E402
from core.resources.models import ExportRequest  # noqa: E402

BY = Actor.system("test")


def prepare(count: int) -> str:
    """A hospital with its administrator and `count` people without accounts; the job's uid."""
    with acting(BY):
        hospital = create_hospital(slug="shili", name="示例医院")
    with hospital_scope(hospital):
        with acting(BY):
            admin = people.add_person("管理示例")
            people.appoint(admin, hospital, "hospital_admin")
            user = people.open_account(admin, "guanli", "示例密码-only-for-tests")
        for start in range(0, count, 200):
            with acting(BY):
                for n in range(start, min(start + 200, count)):
                    person = people.add_person(f"示例{n}")
                    people.enrol(person, hospital, number=f"{n:05d}")
                    people.appoint(person, hospital, "staff")
        by = Actor.user(user)
        with acting(by):
            made = Opening.objects.create(
                label="全院",
                whom="everyone",
                person=admin,
                user_uid=user.uid,
                requester="管理示例",
                asked_at=clock.now(),
            )
            return str(submit("accounts.open", {"opening": str(made.uid)}, by=by, hospital=hospital).uid)


def attempt(job: str, dies_after: int) -> None:
    """As a worker does; SIGKILL in the middle of the account after `dies_after` of them."""
    hand, handed = openings._hand, [0]

    def deadly(*given: Any) -> None:
        hand(*given)
        handed[0] += 1
        if handed[0] > dies_after:
            os.kill(os.getpid(), signal.SIGKILL)

    if dies_after:
        openings._hand = deadly  # type: ignore[assignment]
    row = Job.unscoped.get(uid=job)
    if row.state == "running":
        with acting(BY):
            Job.unscoped.filter(pk=row.pk).update(lease_until=clock.now() - timedelta(seconds=1))
            row.refresh_from_db()
            lease.requeue(row, due_at=clock.now(), counted=False)
        run_pending()
    else:
        execute(job)


def forked(work: Any) -> int:
    """Run in a child; its exit code, negative for a signal."""
    connections.close_all()
    pid = os.fork()
    if pid == 0:
        with actor_scope(BY):
            work()
        connections.close_all()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def main(folder: Path, count: int, kills: int) -> None:
    """Kill `kills` times, then let it end."""
    call_command("migrate", verbosity=0)
    with actor_scope(BY):
        job = prepare(count)
    codes, between = [], []
    for n in range(kills):
        codes.append(forked(lambda n=n: attempt(job, 3 + 7 * n)))
        between.append(User.objects.count() - 1)
    start = time.monotonic()
    codes.append(forked(lambda: attempt(job, 0)))
    seconds = time.monotonic() - start
    hospital = Hospital.objects.get()
    with hospital_scope(hospital):
        lines = OpenedLine.objects.filter(text__isnull=False)
        answer = {
            "exits": codes,
            "between": between,
            "seconds": round(seconds, 1),
            "state": Job.objects.get(uid=job).state,
            "error": Job.objects.get(uid=job).error,
            "accounts": User.objects.count() - 1,
            "persons": User.objects.values("person").distinct().count() - 1,
            "good_codes": OneTimeCode.objects.filter(withdrawn_at=None).count(),
            "lines": lines.count(),
            "sheets": list(ExportRequest.objects.values_list("state", "rows")),
        }
    (folder / "answer.json").write_text(json.dumps(answer), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
