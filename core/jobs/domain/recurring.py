"""Recurring work and the housekeeping of our own tables."""

from datetime import timedelta

from django.db.models import Q

from core.jobs.domain.outbox import DELIVER
from core.jobs.domain.submit import submit
from core.jobs.models import OPEN, Job, Outbox, Schedule, State
from core.jobs.registry import recurring
from core.kernel.clock import now
from core.kernel.context import Actor, acting
from core.org.models import Hospital

SCHEDULE = Actor.system("schedule")
LOOP = "loop"
#: How long a sent event's row stays (its dedupe key holds as long), and the done job of a delivery or of the schedule.
KEEP_EVENTS = timedelta(days=7)
KEEP_DELIVERIES = timedelta(days=1)
BATCH = 500


def submit_due() -> int:
    """Submit the recurring jobs that are due, unless the former one is still open; give how many."""
    count = 0
    for work in recurring():
        for hospital in Hospital.objects.order_by("id") if work.per_hospital else [None]:
            count += _submit_if_due(work.kind, work.seconds, hospital)
    return count


def note_alive() -> None:
    """Note that the loop runs; `worker_alive` reads it."""
    with acting(SCHEDULE):
        Schedule.objects.update_or_create(name=LOOP, defaults={"last_at": now()})


def tidy() -> int:
    """Delete old sent events, delivered ones' jobs and done rounds of the schedule, a batch at a time; give how many."""
    events = Outbox.objects.filter(sent_at__lt=now() - KEEP_EVENTS)
    old = Job.unscoped.filter(state=State.DONE, finished_at__lt=now() - KEEP_DELIVERIES)
    delivered = old.filter(Q(kind=DELIVER) | Q(requester=str(SCHEDULE)))
    count = 0
    with acting(SCHEDULE):
        for rows in (events, delivered):
            ids = list(rows.order_by("id").values_list("pk", flat=True)[:BATCH])
            rows.model._base_manager.filter(pk__in=ids).delete()
            count += len(ids)
    return count


def _submit_if_due(kind: str, seconds: int, hospital: Hospital | None) -> bool:
    name = kind if hospital is None else f"{kind}@{hospital.slug}"
    step = timedelta(seconds=seconds)
    if Schedule.objects.filter(name=name, due_at__gt=now(), due_at__lte=now() + step).exists():
        return False  # due later than a step from now: the clock was set back, so it is due
    with acting(SCHEDULE):
        at = now()
        _, made = Schedule.objects.get_or_create(name=name, defaults={"due_at": at + step, "last_at": at})
        come = Schedule.objects.filter(Q(due_at__lte=at) | Q(due_at__gt=at + step), name=name)
        if not made and not come.update(due_at=at + step, last_at=at):
            return False  # another loop was first
        if Job.unscoped.filter(kind=kind, hospital=hospital, state__in=OPEN).exists():
            return False
        submit(kind, {}, by=SCHEDULE, hospital=hospital)
    return True
