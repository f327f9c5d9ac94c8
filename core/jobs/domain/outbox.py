"""The outbox: what a transaction commits is sent, however the sender dies. At least once; receivers know repeats."""

import json
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django.db import IntegrityError, transaction
from django.db.models import Q

from core.jobs.domain import bell
from core.jobs.models import Job, Outbox
from core.jobs.registry import Subscriber, subscribers
from core.kernel.clock import now
from core.kernel.context import Actor, acting, current_actor

log = logging.getLogger(__name__)

RELAY = Actor.system("relay")
#: The kind of job that hands one event to one subscriber.
DELIVER = "jobs.deliver"
#: How long a relay that died keeps others from its rows.
CLAIM = timedelta(seconds=5)
BATCH = 100
#: Clocks of several machines differ a little; a row from further ahead shows a clock that was set back.
SET_BACK = timedelta(seconds=60)

#: Puts a job's uid on the queue and gives the id of the message.
Send = Callable[[str], str]


def emit(kind: str, data: dict[str, Any], *, hospital: Any, key: str | None = None) -> Outbox:
    """Tell subscribers that something happened, when the caller's transaction commits.

    The same `key` (per kind and hospital, within a week) gives the first event again. Needs an actor in context.
    """
    actor = current_actor()
    if actor is None:
        raise RuntimeError("emit() needs an actor: call it inside acting()")
    json.dumps(data, allow_nan=False)
    at = now()
    hospital_id = hospital.id if hospital is not None else None
    values = {
        "hospital_id": hospital_id,
        "kind": kind,
        "data": data,
        "key": key,
        "actor": actor_text(actor),
        "created_at": at,
        "due_at": at,
    }
    if key is not None:
        same = {"hospital_id": hospital_id, "kind": kind, "key": key}
        found = Outbox.objects.filter(**same).first()
        if found is not None:
            return found
        try:
            with transaction.atomic():
                row = Outbox.objects.create(**values)
        except IntegrityError:
            return Outbox.objects.get(**same)
    else:
        row = Outbox.objects.create(**values)
    bell.ring_on_commit()
    return row


def put(job: Job, *, due_at: datetime) -> None:
    """Have `job` sent to the queue at `due_at`; part of the caller's transaction."""
    Outbox.objects.filter(job=job).delete()
    Outbox.objects.create(
        job=job, hospital_id=job.hospital_id, actor=job.requested_by, created_at=now(), due_at=due_at
    )
    bell.ring_on_commit()


def relay_once(send: Send, *, limit: int = BATCH) -> int:
    """Send what is due and give how many rows that were. A row is gone only after it was sent.

    Two relays never take the same row, unless the first one is slower than `CLAIM`; then a message is doubled,
    and the second finds the job claimed. The queue is written outside our transactions, which stay short.
    """
    rows = _claim(limit)
    messages: dict[int, str] = {}
    events = []
    for row in rows:
        if row.job_id is None:
            events.append(row)
        else:
            messages[row.pk] = send(str(row.job.uid))
    if not rows:
        return 0
    with acting(RELAY):
        at = now()
        for row in events:
            _fan_out(row)
        Outbox.objects.filter(pk__in=[row.pk for row in events]).update(
            sent_at=at, claim=None, claimed_until=None
        )
        for row in rows:
            if row.pk in messages:
                Job.unscoped.filter(pk=row.job_id, state="queued").update(
                    message_id=messages[row.pk], queued_at=at
                )
        Outbox.objects.filter(pk__in=list(messages), claim=rows[0].claim).delete()
    return len(rows)


def actor_text(by: Actor) -> str:
    """An actor as the row keeps it: `kind:id:label`."""
    return f"{by.kind}:{by.id}:{by.label}"[:300]


def actor_from(text: str) -> Actor:
    """The actor that `actor_text` wrote."""
    kind, _, rest = text.partition(":")
    code, _, label = rest.partition(":")
    return Actor(kind, code, label)


def _claim(limit: int) -> list[Outbox]:
    at = now()
    ahead = (
        at + SET_BACK
    )  # made or claimed later than now: the clock was set back meanwhile, so do not wait for it
    free = Q(claimed_until__isnull=True) | Q(claimed_until__lt=at) | Q(claimed_until__gt=ahead)
    due = Q(sent_at__isnull=True) & (Q(due_at__lte=at) | Q(created_at__gt=ahead)) & free
    ids = list(Outbox.objects.filter(due).order_by("id").values_list("pk", flat=True)[:limit])
    if not ids:
        return []
    token = uuid4()
    with acting(RELAY):
        Outbox.objects.filter(due, pk__in=ids).update(claim=token, claimed_until=at + CLAIM)
    return list(Outbox.objects.filter(claim=token).select_related("job").order_by("id"))


def _fan_out(row: Outbox) -> None:
    """One job for each subscriber, so that each is tried, retried and seen by itself."""
    for subscriber in subscribers(row.kind):
        _delivery(row, subscriber)


def _delivery(row: Outbox, subscriber: Subscriber) -> None:
    at = now()
    job, made = Job.unscoped.get_or_create(
        hospital_id=row.hospital_id,
        kind=DELIVER,
        idempotency_key=f"{row.uid}:{subscriber.name}"[:200],
        defaults={
            "params": {
                "uid": str(row.uid),
                "kind": row.kind,
                "data": row.data,
                "occurred_at": row.created_at.isoformat(),
                "subscriber": subscriber.name,
            },
            "requested_by": row.actor,
            "requester": str(actor_from(row.actor))[:200],
            "created_at": at,
            "queued_at": at,
        },
    )
    if made:
        put(job, due_at=at)
