"""Notices that follow a flow's steps and deadlines: who opens a flow says once what it tells whom.

A step sends in its own transaction. Deadlines are looked at by a job: three working days before, one before, and when
they have passed; each once for a deadline, however often the job runs or however long it stood still.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from core.flow.models import FlowItem
from core.jobs.domain.context import JobContext
from core.jobs.registry import every, job
from core.kernel import clock
from core.kernel.context import Actor, acting, hospital_scope
from core.notify.domain import Due, resolve, send
from core.org.domain.calendar import working_days_between
from core.org.models import Hospital
from core.policy.activation import is_enabled

BY = Actor.system("flow")
JOB = "flow.remind"
#: How often deadlines are looked at, seconds.
EVERY = 1800
#: Items at a time.
BATCH = 200
#: Calendar days ahead in which three working days surely lie (the longest holidays of China are nine days).
AHEAD = timedelta(days=16)


@dataclass(frozen=True)
class Told:
    """One notice of an item: its kind and whom it goes to."""

    kind: str
    people: Callable[[FlowItem], list[int]]


@dataclass(frozen=True)
class FlowNotices:
    """What a flow tells. `steps`: (verb, state before) or (verb, "") → notices. `due`: state → the reminder (slots get
    `days`, the working days left) and `overdue`. `slots` and `href` are asked for the item; a step resolves what was sent
    for the state before it."""

    flow: str
    subject_type: str
    plugin: str
    slots: Callable[[FlowItem], Mapping[str, Any]]
    href: Callable[[FlowItem], str]
    steps: Mapping[tuple[str, str], tuple[Told, ...]] = field(default_factory=dict)
    due: Mapping[str, Told] = field(default_factory=dict)
    overdue: Mapping[str, tuple[Told, ...]] = field(default_factory=dict)


_followed: dict[str, FlowNotices] = {}


def follow(notices: FlowNotices) -> FlowNotices:
    """Make a flow's notices known; the same flow again replaces them."""
    _followed[notices.flow] = notices
    return notices


def register() -> None:
    """The job that looks at deadlines."""
    job(JOB, label="期限提醒", max_attempts=3, resumable=False)(run)
    every(EVERY, JOB)


def stepped(item: FlowItem, verb: str, before: str, step_uid: Any) -> None:
    """A step was taken: close what the former state asked for, tell what the new one means. In its transaction."""
    notices = _followed.get(item.flow.key)
    if notices is None:
        return
    subject = (notices.subject_type, item.subject_uid)
    with hospital_scope(item.hospital):
        resolve(subject, hospital=item.hospital)
        for told in notices.steps.get((verb, before)) or notices.steps.get((verb, ""), ()):
            people = told.people(item)
            if people:
                send(
                    told.kind,
                    people,
                    hospital=item.hospital,
                    slots=notices.slots(item),
                    href=notices.href(item),
                    subject=subject,
                    key=f"{told.kind}:{step_uid}",
                    due=_due(item),
                )


def run(ctx: JobContext) -> dict[str, Any]:
    """Remind in every hospital."""
    told = 0
    for hospital in Hospital.objects.order_by("pk"):
        with hospital_scope(hospital):
            told += remind(hospital, tick=ctx.check_cancelled)
    return {"told": told}


def remind(hospital: Hospital, *, tick: Callable[[], Any] = lambda: None) -> int:
    """Tell of deadlines that are near or past; how many items that were. Within the hospital's scope."""
    today = clock.today(hospital.zone)
    wanted = [
        notices
        for notices in _followed.values()
        if not notices.plugin or is_enabled(notices.plugin, hospital.id)
    ]
    count, last = 0, 0
    while wanted:
        items = list(
            FlowItem.objects.filter(
                flow__key__in=[notices.flow for notices in wanted],
                closed_at__isnull=True,
                due_on__isnull=False,
                due_on__lte=today + AHEAD,
                pk__gt=last,
            )
            .select_related("flow", "hospital", "department")
            .order_by("pk")[:BATCH]
        )
        if not items:
            return count
        last = items[-1].pk
        for item in items:
            left = working_days_between(today, item.due_on, hospital.id) if item.due_on else 0
            past = item.due_on is not None and item.due_on < today
            if past or left <= 3:
                with acting(BY):
                    count += _tell(_followed[item.flow.key], item, left, past)
        tick()
    return count


def _tell(notices: FlowNotices, item: FlowItem, left: int, past: bool) -> int:
    """One item: past, or one day left (or none), or three (or two). A reminder on the day of the step would say nothing new."""
    if past:
        wanted = notices.overdue.get(item.state, ())
        mark = "over"
    else:
        due = notices.due.get(item.state)
        wanted = (due,) if due else ()
        mark = "1" if left <= 1 else "3"
        if item.steps.filter(at__gte=clock.now() - timedelta(hours=12)).exists():
            return 0
    sent = False
    for told in wanted:
        people = told.people(item)
        if not people:
            continue
        extra = {} if past else {"days": max(left, 0)}
        made = send(
            told.kind,
            people,
            hospital=item.hospital,
            slots={**notices.slots(item), **extra},
            href=notices.href(item),
            subject=(notices.subject_type, item.subject_uid),
            key=f"{item.uid}:{item.due_on}:{mark}",
            due=_due(item),
        )
        sent = sent or made is not None
    return int(sent)


def _due(item: FlowItem) -> Due | None:
    return Due(item.due_on, item.due_basis, item.due_provisional) if item.due_on else None
