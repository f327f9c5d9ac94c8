"""The one service: a notice in the caller's transaction. What goes outside follows by a job when that commits."""

from collections.abc import Iterable, Mapping
from typing import Any

from core.jobs.domain import submit
from core.kernel import clock
from core.kernel.context import Actor, acting, current_actor, hospital_scope
from core.notify.domain import people as folk
from core.notify.domain import switches
from core.notify.kinds import Due, NoticeKind, kind_of, render
from core.notify.models import Delivery, DeliveryState, Notice, Receipt
from core.org.models import Hospital

BY = Actor.system("notify")
DELIVER = "notify.deliver"
#: (type, uid) of what a notice is about.
Subject = tuple[str, Any]


def send(
    kind: str,
    people: Iterable[int],
    *,
    hospital: Any,
    slots: Mapping[str, Any],
    href: str,
    subject: Subject | None,
    key: str,
    due: Due | None = None,
    urgent: bool = False,
) -> Notice | None:
    """Tell these persons (ids) of the hospital; None when none of them holds a post there today.

    In the caller's transaction and as its actor: rolled back with it. The same `key` (per kind and hospital) again adds
    those who were not told yet and tells nobody twice. `href` is an address below the site. Raises ValueError for an
    unknown kind or wrong slots: a fault in our code.
    """
    declared = kind_of(kind)
    if declared is None:
        raise ValueError(f"unknown kind of notice {kind!r}")
    title, text = render(declared, slots)
    place = hospital if isinstance(hospital, Hospital) else Hospital.objects.get(pk=hospital.id)
    with acting(current_actor() or BY), hospital_scope(place):
        told = folk.here(people, place)
        if not told:
            return None
        notice, made = Notice.objects.get_or_create(
            kind=kind,
            key=key[:200],
            defaults={
                "hospital": place,
                "plugin": declared.plugin,
                "thing": f"{subject[0]}:{subject[1]}"[:200] if subject else f"{kind}:{key}"[:200],
                "subject_type": subject[0] if subject else "",
                "subject_uid": str(subject[1]) if subject else "",
                "title": title,
                "text": text,
                "href": href[:300],
                "urgent": urgent or declared.urgent,
                "todo": declared.todo,
                "lasting": declared.lasting,
                "due_on": due.on if due else None,
                "due_basis": (due.basis if due else "")[:200],
                "due_provisional": due.provisional if due else False,
                "created_at": clock.now(),
            },
        )
        fresh = told if made else _not_yet(notice, told)
        if fresh and notice.resolved_at is None:
            _put(notice, declared, fresh, place)
    return notice


def resolve(subject: Subject, *, hospital: Any, kinds: Iterable[str] = ()) -> int:
    """The thing is finished: close its notices in every box and drop what was still to be sent; how many notices.

    `kinds` narrows it to some kinds. In the caller's transaction.
    """
    with acting(current_actor() or BY), hospital_scope(hospital):
        rows = Notice.objects.filter(
            subject_type=subject[0], subject_uid=str(subject[1]), resolved_at__isnull=True
        )
        if kinds:
            rows = rows.filter(kind__in=list(kinds))
        ids = list(rows.values_list("pk", flat=True))
        if not ids:
            return 0
        at = clock.now()
        Notice.objects.filter(pk__in=ids).update(resolved_at=at)
        Receipt.objects.filter(notice_id__in=ids, closed_at__isnull=True).update(closed_at=at)
        Delivery.objects.filter(
            notice_id__in=ids, state__in=(DeliveryState.WAITING, DeliveryState.DIGEST)
        ).update(state=DeliveryState.DROPPED)
    return len(ids)


def _not_yet(notice: Notice, told: list[int]) -> list[int]:
    there: set[int] = set()
    for part in folk.chunks(told):
        rows = Receipt.objects.filter(notice=notice, person_id__in=part)
        there |= set(rows.values_list("person_id", flat=True))
    return [person for person in told if person not in there]


def _put(notice: Notice, kind: NoticeKind, fresh: list[int], place: Hospital) -> None:
    """Into the boxes; who switched the box off for this kind finds it there closed. Then the job for what goes outside."""
    asked = switches.read(place, fresh)
    at = clock.now()
    rows = [
        Receipt(
            hospital=place,
            notice=notice,
            person_id=person,
            closed_at=None if asked.on(kind, person, "inbox") else at,
        )
        for person in fresh
    ]
    Receipt.objects.bulk_create(rows, batch_size=folk.CHUNK, ignore_conflicts=True)
    if any(asked.hospital_on(kind, channel) for channel in switches.outside(place, asked)):
        submit(
            DELIVER,
            {"notice": str(notice.uid)},
            by=current_actor() or BY,
            hospital=place,
            idempotency_key=f"{notice.uid}:{len(fresh)}:{min(fresh)}",
        )
