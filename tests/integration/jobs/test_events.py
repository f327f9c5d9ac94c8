"""Events reach every subscriber, and recurring work comes back."""

from datetime import timedelta

import pytest
from django.db import transaction

from core.jobs.domain import emit, recurring, submit
from core.jobs.models import Job, Outbox
from core.jobs.queries import worker_alive
from core.jobs.registry import Event, every, job, subscribe
from core.jobs.testing import run_pending
from core.kernel.clock import now, turned
from core.kernel.context import acting, current_actor, current_hospital
from core.org.models import Hospital
from tests.integration.jobs.conftest import WHO

pytestmark = pytest.mark.django_db


def test_each_subscriber_gets_the_event_as_its_actor_in_its_hospital(hospital: Hospital) -> None:
    got = []

    @subscribe("warning.opened", name="one")
    def one(event: Event) -> None:
        place = current_hospital()
        got.append(("one", event.uid, event.data, str(current_actor()), place and place.slug))

    @subscribe("warning.opened", name="two")
    def two(event: Event) -> None:
        got.append(("two", event.uid, event.data, event.actor, event.hospital.slug))

    with acting(WHO):
        row = emit("warning.opened", {"n": 1}, hospital=hospital)
    run_pending()
    assert sorted(got, key=lambda each: each[0]) == [
        ("one", row.uid, {"n": 1}, "user:0199-who", "renhe"),
        ("two", row.uid, {"n": 1}, "user:0199-who:张三", "renhe"),
    ]
    assert run_pending() == []


def test_a_failing_subscriber_is_tried_again_alone_and_sees_the_same_uid(hospital: Hospital) -> None:
    good, bad = [], []

    @subscribe("thing.done", name="good")
    def fine(event: Event) -> None:
        good.append(event.uid)

    @subscribe("thing.done", name="bad")
    def broken(event: Event) -> None:
        bad.append(event.uid)
        if len(bad) == 1:
            raise OSError("outage")

    with acting(WHO):
        emit("thing.done", {}, hospital=hospital)
    run_pending()
    with turned(now() + timedelta(minutes=1)):
        run_pending()
    assert len(good) == 1
    assert len(bad) == 2
    assert set(bad) == set(good)


def test_an_event_is_sent_only_by_a_commit_and_once_for_its_key(hospital: Hospital, other: Hospital) -> None:
    got = []
    subscribe("thing.keyed", name="keyed")(lambda event: got.append(event.hospital.slug))
    with pytest.raises(RuntimeError), transaction.atomic(), acting(WHO):
        emit("thing.keyed", {}, hospital=hospital, key="lost")
        raise RuntimeError
    for place in (hospital, hospital, other):
        with acting(WHO):
            emit("thing.keyed", {}, hospital=place, key="k")
        run_pending()
    assert got == ["renhe", "kangtai"]
    with turned(now() + timedelta(days=8)):
        recurring.tidy()
    assert Outbox.objects.count() == 0
    assert Job.unscoped.count() == 0


def test_rounds_of_the_schedule_are_cleared_and_peoples_jobs_stay(hospital: Hospital) -> None:
    job("t.round", label="每小时")(lambda ctx: {})
    job("t.asked", label="有人发起")(lambda ctx: {})
    every(3600, "t.round")
    recurring.submit_due()
    with acting(WHO):
        submit("t.asked", {}, by=WHO, hospital=hospital)
    run_pending()
    assert set(Job.unscoped.filter(kind__startswith="t.").values_list("kind", "state")) == {
        ("t.round", "done"),
        ("t.asked", "done"),
    }
    with turned(now() + timedelta(days=2)):
        recurring.tidy()
    assert list(Job.unscoped.filter(kind__startswith="t.").values_list("kind", flat=True)) == ["t.asked"]


def test_an_event_needs_an_actor(hospital: Hospital) -> None:
    from core.kernel.context import actor_scope

    with actor_scope(None), pytest.raises(RuntimeError):
        emit("thing.done", {}, hospital=hospital)


def test_recurring_work_is_submitted_when_due_and_not_twice(hospital: Hospital, other: Hospital) -> None:
    runs = []
    job("t.daily", label="每日")(lambda ctx: runs.append(ctx.hospital and ctx.hospital.slug))
    job("t.all", label="全院")(lambda ctx: runs.append("all"))
    every(3600, "t.daily", per_hospital=True)
    every(60, "t.all")
    start = now()
    assert recurring.submit_due() == 3
    assert recurring.submit_due() == 0
    with turned(start + timedelta(seconds=61)):
        assert recurring.submit_due() == 0  # the former one still waits
        run_pending()
    with turned(start + timedelta(seconds=122)):
        assert recurring.submit_due() == 1
        run_pending()
    assert sorted(runs) == ["all", "all", "kangtai", "renhe"]


def test_the_loop_is_known_to_live_for_half_a_minute() -> None:
    assert not worker_alive()
    recurring.note_alive()
    assert worker_alive()
    with turned(now() + timedelta(minutes=1)):
        assert not worker_alive()
