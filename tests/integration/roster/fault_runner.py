"""Runs in a process of its own against a database of its own; prints JSON for test_faults.

Each attempt is a forked child that may be killed at a named point; each look is a forked child too.
"""

import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connections  # noqa: E402

from core.jobs.domain.run import execute  # noqa: E402
from core.jobs.models import Job  # noqa: E402
from core.jobs.testing import run_pending  # noqa: E402
from core.kernel.context import Actor, acting, actor_scope, hospital_scope  # noqa: E402
from core.org.domain.trees import add_department, create_hospital  # noqa: E402
from core.org.models import Enrolment, Hospital, Person, Post  # noqa: E402
from core.roster.domain import changes, uploads  # noqa: E402
from core.roster.domain.uploads import Choice  # noqa: E402
from core.roster.faults import POINTS  # noqa: E402
from core.roster.models import ChangeSet  # noqa: E402

BY = Actor.system("test")
PEOPLE = 60


def forked(work: Callable[[], Any], fault: str = "") -> tuple[int, Any]:
    """Run `work` in a child; its exit code and what it returned."""
    connections.close_all()
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.environ["QINGLIAN_FAULT"] = fault
            with actor_scope(BY):
                answer = work()
            os.write(write, json.dumps(answer).encode())
            connections.close_all()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    os.close(write)
    data = b""
    while piece := os.read(read, 65536):
        data += piece
    os.close(read)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return code, json.loads(data) if data else None


def main(work: Path) -> None:
    """One hospital for each point."""
    call_command("migrate", verbosity=0)
    answers = {point: forked_hospital(n, point, work) for n, point in enumerate(POINTS)}
    (work / "answers.json").write_text(json.dumps(answers), "utf-8")


def forked_hospital(n: int, point: str, work: Path) -> dict[str, Any]:
    """Prepare, kill at the point, look, run again as the sweep does after the lease, look, take back, look."""
    slug = f"h{n}"
    _, job = forked(lambda: prepare(slug, work))
    code, _ = forked(lambda: run(job), f"roster:{point}")
    after = forked(lambda: look(slug))[1]
    again, _ = forked(lambda: requeue_and_run(job))
    end = forked(lambda: look(slug))[1]
    undone, _ = forked(lambda: take_back(slug))
    return {
        "code": code,
        "after": after,
        "again": again,
        "end": end,
        "undone": undone,
        "last": forked(lambda: look(slug))[1],
    }


def prepare(slug: str, work: Path) -> str:
    """A hospital with ten people, and a job that joins, moves and ends people."""
    with acting(BY):
        hospital = create_hospital(slug=slug, name=f"示例{slug}")
        for code in ("内科", "外科"):
            add_department(hospital=hospital, code=code, name=code)
    with hospital_scope(hospital):
        first = "".join(f"A{i:03d},旧人{i},内科\n" for i in range(10))
        with acting(BY):
            done = start(hospital, first, work)
        changes.run(done, by=BY, commit=lambda: acting(BY))
        second = "".join(f"A{i:03d},旧人{i},外科\n" for i in range(5, 10))
        second += "".join(f"B{i:03d},新人{i},外科\n" for i in range(PEOPLE))
        with acting(BY):
            made = start(hospital, second, work, complete=True, answers={"many_leave": "leave"})
            return changes.queue(made, by=BY)


def start(
    hospital: Hospital,
    rows: str,
    work: Path,
    *,
    complete: bool = False,
    answers: dict[str, str] | None = None,
) -> ChangeSet:
    """A change set that waits."""
    file = work / "人员.csv"
    file.write_text("工号,姓名,科室\n" + rows, "utf-8")
    kept = uploads.receive_path(file, kind="staff", hospital=hospital, by=BY)
    told = changes.preview(kept, Choice(complete=complete), hospital=hospital, by=BY)
    return changes.start(
        kept, digest=told["digest"], answers=answers or {}, leave_out=[], hospital=hospital, by=BY
    )


def run(job: str) -> str:
    """As a worker does."""
    ended = execute(job)
    return ended.state if ended else ""


def requeue_and_run(job: str) -> str:
    """As the sweep does once the dead worker's lease has run out."""
    from datetime import timedelta

    from core.jobs.domain import lease
    from core.kernel import clock

    row = Job.unscoped.get(uid=job)
    if row.state == "running":
        with acting(BY):
            Job.unscoped.filter(pk=row.pk).update(lease_until=clock.now() - timedelta(seconds=1))
            row.refresh_from_db()
            lease.requeue(row, due_at=clock.now(), counted=False)
    run_pending()
    return Job.unscoped.get(uid=job).state


def take_back(slug: str) -> str:
    """Undo the applied set."""
    hospital = Hospital.objects.get(slug=slug)
    with hospital_scope(hospital), acting(BY):
        found = ChangeSet.objects.select_related("hospital").order_by("-id").first()
        assert found is not None
        return changes.undo(found, by=BY).state


def look(slug: str) -> dict[str, Any]:
    """What the hospital holds."""
    hospital = Hospital.objects.get(slug=slug)
    with hospital_scope(hospital):
        posts = Post.objects.filter(ends_on=None)
        return {
            "people": Person.objects.filter(posts__hospital=hospital).distinct().count(),
            "roll": Enrolment.objects.filter(left_on=None).count(),
            "inner": posts.filter(department__code="内科").count(),
            "outer": posts.filter(department__code="外科").count(),
            "sets": sorted(ChangeSet.objects.values_list("state", flat=True)),
        }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
