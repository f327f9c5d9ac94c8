"""One message a day for those who asked for it: what came since, as a list, through the first channel that reaches them."""

from collections import defaultdict
from zoneinfo import ZoneInfo

from django.db.models import Q

from core.kernel import clock
from core.kernel.context import Actor, acting, hospital_scope
from core.notify.domain import plan, switches
from core.notify.models import Channel, Delivery, DeliveryState, Receipt
from core.org.models import Hospital

BY = Actor.system("notify")
#: Titles that one digest names; the rest are in the box.
SHOWN = 10


def gather(hospital: Hospital) -> int:
    """Turn what waits for a digest into one delivery a person, once a day after the hospital's hour; how many.

    Whoever rests then gets it when the rest ends. Notices read or finished meanwhile are left out. The day is part of
    the row's key: a repeated run, or a clock set back, makes no second one.
    """
    at = clock.now()
    local = at.astimezone(ZoneInfo(hospital.zone))
    with hospital_scope(hospital):
        start = local.replace(hour=0, minute=0, second=0, microsecond=0)
        minutes = switches.of_hospital(hospital).digest_at
        hour = start.replace(hour=minutes // 60, minute=minutes % 60)
        if local < hour:
            return 0
        # what came after the hour waits for tomorrow's; what a clock that ran ahead has dated does not wait for ever
        in_time = Q(created_at__lt=hour) | Q(created_at__gt=at)
        waiting = (
            Delivery.objects.filter(in_time, state=DeliveryState.DIGEST)
            .select_related("notice")
            .order_by("person_id", "id")
        )
        by_person: dict[int, list[Delivery]] = defaultdict(list)
        for row in waiting:
            by_person[row.person_id].append(row)
        there = switches.outside(hospital, switches.read(hospital, []))
        done = _told_today(f"d:{start.date()}", list(by_person))
        made = 0
        people = [person for person in by_person if person not in done]
        for part in plan.chunks(people):
            known = plan.reach(hospital, part, at)
            seen = Receipt.objects.filter(person_id__in=part, read_at__isnull=False)
            seen = seen.filter(notice__deliveries__state=DeliveryState.DIGEST)
            read = set(seen.values_list("person_id", "notice_id"))
            with acting(BY):
                made += sum(
                    _one(
                        hospital, person, _unread(by_person[person], read), known, f"d:{start.date()}", there
                    )
                    for person in part
                )
                ids = [row.pk for person in part for row in by_person[person]]
                for some in plan.chunks(ids):
                    Delivery.objects.filter(pk__in=some).update(state=DeliveryState.DROPPED)
        return made


def _one(
    hospital: Hospital, person: int, rows: list[Delivery], known: plan.Reach, key: str, there: list[str]
) -> int:
    open_ones = {row.notice_id: row.notice for row in rows if row.notice is not None}
    channel = next(
        (c for c in (Channel.WECOM, Channel.MAIL) if c in there and any(row.channel == c for row in rows)),
        None,
    )
    if not open_ones or channel is None:
        return 0
    titles = [notice.title for notice in open_ones.values()]
    more = [f"还有 {len(titles) - SHOWN} 条。"] if len(titles) > SHOWN else []
    at = clock.now()
    Delivery.objects.bulk_create(
        [
            Delivery(
                hospital=hospital,
                person_id=person,
                channel=channel,
                key=key,
                state=DeliveryState.WAITING,
                title=f"您有 {len(titles)} 条新消息",
                text="\n".join([*(f"· {title}" for title in titles[:SHOWN]), *more]),
                created_at=at,
                due_at=known.when(person, at, False),
            )
        ],
        ignore_conflicts=True,
    )
    return 1


def _told_today(key: str, people: list[int]) -> set[int]:
    found: set[int] = set()
    for part in plan.chunks(people):
        found |= set(Delivery.objects.filter(key=key, person_id__in=part).values_list("person_id", flat=True))
    return found


def _unread(rows: list[Delivery], read: set[tuple[int, int]]) -> list[Delivery]:
    return [
        row
        for row in rows
        if row.notice is not None
        and row.notice.resolved_at is None
        and (row.person_id, row.notice.pk) not in read
    ]
