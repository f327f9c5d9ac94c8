"""Who may work on a job, and who may no longer commit."""

import subprocess
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from core.jobs.domain import JobContext, lease, submit
from core.jobs.domain.outbox import relay_once
from core.jobs.domain.owner import is_gone, this_process
from core.jobs.models import Job, Outbox
from core.jobs.registry import job
from core.jobs.testing import run_pending
from core.kernel.clock import now, turned
from core.kernel.context import Actor, acting
from core.org.models import Hospital
from tests.integration.jobs.conftest import WHO

pytestmark = pytest.mark.django_db


def _now(found: Job) -> Job:
    return Job.unscoped.get(pk=found.pk)


@pytest.mark.django_db(transaction=True)
def test_of_eight_workers_one_claims(hospital: Hospital) -> None:
    job("t.one", label="一个")(lambda ctx: None)
    asked = submit("t.one", {}, by=WHO, hospital=hospital)
    barrier, won = threading.Barrier(8), []

    def compete() -> None:
        barrier.wait()
        found = lease.claim(str(asked.uid))
        if found:
            won.append(found)
        connection.close()

    threads = [threading.Thread(target=compete) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert _now(asked).attempts == 1


def test_a_backlog_is_not_queued_again(hospital: Hospital) -> None:
    """Measured pitfall: a lease that starts when a job is queued queued every waiting job again after 70 s."""
    job("t.backlog", label="积压")(lambda ctx: None)
    asked = submit("t.backlog", {}, by=WHO, hospital=hospital)
    relay_once(lambda uid: "m-1")
    with turned(now() + timedelta(hours=1)):
        assert lease.sweep() == 0
        assert lease.requeue_unsent({"m-1"}, older_than=timedelta(seconds=10)) == 0
    assert (_now(asked).state, _now(asked).losses, Outbox.objects.count()) == ("queued", 0, 0)


def test_a_message_that_no_queue_holds_is_sent_again(hospital: Hospital) -> None:
    job("t.lost", label="丢失")(lambda ctx: {"ok": True})
    asked = submit("t.lost", {}, by=WHO, hospital=hospital)
    relay_once(lambda uid: "m-1")
    with turned(now() + timedelta(seconds=11)):
        assert lease.requeue_unsent(set(), older_than=timedelta(seconds=10)) == 1
        assert lease.requeue_unsent(set(), older_than=timedelta(seconds=10)) == 0
        run_pending()
    assert _now(asked).state == "done"


def test_a_worker_whose_lease_was_taken_commits_nothing(hospital: Hospital, other: Hospital) -> None:
    """A zombie wakes after the sweep gave its job to another one: its rows are rolled back, the other's stay."""
    runs = []

    @job("t.zombie", label="僵尸")
    def write(ctx: JobContext) -> None:
        runs.append(ctx)
        if len(runs) == 1:
            with turned(now() + timedelta(minutes=5)):
                assert lease.sweep() == 1
        with ctx.complete({"run": len(runs)}), acting(ctx.actor):
            Hospital.objects.filter(pk=other.pk).update(short_name=f"run {len(runs)}")

    asked = submit("t.zombie", {}, by=WHO, hospital=hospital)
    run_pending()
    with turned(now() + timedelta(minutes=6)):
        run_pending()
    assert len(runs) == 2
    assert runs[0].lost
    assert (_now(asked).result, _now(asked).losses) == ({"run": 2}, 1)
    assert Hospital.objects.get(pk=other.pk).short_name == "run 2"


@pytest.mark.parametrize("call", ["progress", "checkpoint", "commit", "once"])
def test_every_write_of_a_zombie_is_refused(hospital: Hospital, call: str) -> None:
    calls: dict[str, Any] = {
        "progress": lambda ctx: ctx.progress(1, 1),
        "checkpoint": lambda ctx: ctx.checkpoint({"zombie": True}),
        "commit": lambda ctx: ctx.commit(checkpoint={"zombie": True}).__enter__(),
        "once": lambda ctx: ctx.once("zombie").__enter__(),
    }
    reached: list[str] = []

    @job("t.refused", label="拒绝")
    def write(ctx: JobContext) -> None:
        if not reached:
            reached.append("first")
            with turned(now() + timedelta(minutes=5)):
                lease.sweep()
            calls[call](ctx)
            reached.append("committed")

    asked = submit("t.refused", {}, by=WHO, hospital=hospital)
    run_pending()
    with turned(now() + timedelta(minutes=6)):
        run_pending()
    assert reached == ["first"]
    assert (_now(asked).state, _now(asked).checkpoint, _now(asked).steps) == ("done", None, [])


def test_a_step_is_done_once_over_several_runs(hospital: Hospital) -> None:
    done = []

    @job("t.steps", label="分步", max_attempts=3)
    def work(ctx: JobContext) -> None:
        for step in ("a", "b"):
            with ctx.once(step) as first:
                if first:
                    done.append(step)
            if ctx.attempt < 3:
                raise OSError("outage")

    asked = submit("t.steps", {}, by=WHO, hospital=hospital)
    start = now()
    for minute in range(4):
        with turned(start + timedelta(minutes=minute)):
            run_pending()
    assert done == ["a", "b"]
    assert (_now(asked).state, _now(asked).steps) == ("done", ["a", "b"])


def test_what_a_failed_transaction_wrote_goes_with_its_checkpoint(hospital: Hospital) -> None:
    @job("t.atomic", label="同生共死", max_attempts=1)
    def work(ctx: JobContext) -> None:
        with ctx.commit(checkpoint={"row": 1}):
            Hospital.objects.filter(pk=ctx.hospital.pk).update(short_name="half")
            raise ValueError("in the middle")

    asked = submit("t.atomic", {}, by=WHO, hospital=hospital)
    run_pending()
    assert _now(asked).checkpoint is None
    assert Hospital.objects.get(pk=hospital.pk).short_name == ""


def test_progress_holds_on_to_the_lease(hospital: Hospital) -> None:
    @job("t.hold", label="续租", lease_seconds=30)
    def work(ctx: JobContext) -> dict[str, Any]:
        start = now()
        for second in range(0, 300, 20):
            with turned(start + timedelta(seconds=second)):
                ctx._written = 0.0  # the throttle looks at the monotonic clock
                ctx.progress(second, 300)
                assert lease.sweep() == 0
        return {}

    asked = submit("t.hold", {}, by=WHO, hospital=hospital)
    run_pending()
    assert (_now(asked).state, _now(asked).losses) == ("done", 0)


def test_the_job_of_a_dead_process_on_this_machine_is_taken_back_at_once(hospital: Hospital) -> None:
    machine = this_process().rsplit("/", 2)[0]
    with subprocess.Popen(["sleep", "60"]) as process:
        tick = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[19]
        owner = f"{machine}/{process.pid}/{tick}"
        assert not is_gone(owner)
        process.kill()
        process.wait()
    job("t.dead", label="死去")(lambda ctx: None)
    mine, dead = (submit("t.dead", {}, by=WHO, hospital=hospital) for _ in range(2))
    for each in (mine, dead):
        assert lease.claim(str(each.uid))
    with acting(Actor.system("test")):
        Job.unscoped.filter(pk=dead.pk).update(lease_owner=owner)
    assert lease.sweep() == 1
    assert (_now(dead).state, _now(dead).attempts, _now(dead).losses) == ("queued", 0, 1)
    assert _now(mine).state == "running"


def test_a_process_is_gone_only_when_that_is_sure() -> None:
    me = this_process()
    assert not is_gone(me)
    boot, space, pid, tick = me.rsplit("/", 3)
    assert is_gone(f"{boot}/{space}/{pid}/{int(tick) - 1}")  # the pid was given to another one
    assert not is_gone(f"another-boot/{space}/999999/1")
    assert not is_gone(f"{boot}/pid:[1]/999999/1")
    assert not is_gone("")


def test_a_job_that_keeps_killing_its_worker_is_stopped(hospital: Hospital) -> None:
    job("t.poison", label="毒药")(lambda ctx: None)
    asked = submit("t.poison", {}, by=WHO, hospital=hospital)
    at = now()
    for _ in range(lease.MAX_LOSSES):
        at += timedelta(hours=1)
        with turned(at):
            assert lease.claim(str(asked.uid))
        with turned(at + timedelta(minutes=5)):
            assert lease.sweep() == 1
    assert (_now(asked).state, _now(asked).error["detail"]) == ("failed", lease.LOST)
