"""Who gets what outside, through which channel and when: rows of `Delivery`, in a few queries however many people."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from core.kernel import clock
from core.notify.domain import switches
from core.notify.domain.people import chunks
from core.notify.domain.rest import Rest
from core.notify.kinds import kind_of
from core.notify.models import Channel, Contact, Delivery, DeliveryState, NightDuty, Notice, Receipt
from core.org.models import Hospital

#: Night shifts that ended longer ago than this no longer matter (a rest ends within a day of the shift).
RECENT = timedelta(hours=36)


@dataclass(frozen=True)
class Reach:
    """Everything known of some persons before a message goes out, read together."""

    hospital: Hospital
    switches: switches.Switches
    reachable: Mapping[str, frozenset[int]]
    duties: Mapping[int, tuple[datetime, ...]]

    def rest(self, person: int) -> Rest:
        """The person's quiet hours."""
        own, house = self.switches.persons.get(person), self.switches.hospital
        starts = own.rest_starts if own and own.rest_starts is not None else self.hospital.night_starts * 60
        ends = own.rest_ends if own and own.rest_ends is not None else house.rest_ends
        return Rest(
            self.hospital.zone, starts % 1440, ends % 1440, self.duties.get(person, ()), house.duty_rest_until
        )

    def when(self, person: int, at: datetime, urgent: bool) -> datetime:
        """When a message made at `at` may reach the person."""
        return at if urgent else self.rest(person).next_waking(at)

    def digests(self, person: int) -> bool:
        """Whether the person wants one message a day."""
        own = self.switches.persons.get(person)
        return own is not None and own.digest == "daily"


def reach(hospital: Hospital, people: Iterable[int], at: datetime) -> Reach:
    """What is known of these persons: one query and three per 500. Within the hospital's scope."""
    wanted = list(people)
    found: dict[str, set[int]] = {Channel.MAIL: set(), Channel.WECOM: set()}
    duties: dict[int, tuple[datetime, ...]] = {}
    for part in chunks(wanted):
        rows = Contact.objects.filter(person_id__in=part).values_list("person_id", "mail_hash", "wecom_hash")
        for person, mail, wecom in rows:
            if mail:
                found[Channel.MAIL].add(person)
            if wecom:
                found[Channel.WECOM].add(person)
        late = NightDuty.objects.filter(
            person_id__in=part, ends_at__gte=at - RECENT, ends_at__lte=at + RECENT
        )
        for person, ended in late.order_by("id").values_list("person_id", "ends_at"):
            duties[person] = (*duties.get(person, ()), ended)
    return Reach(
        hospital,
        switches.read(hospital, wanted),
        {channel: frozenset(persons) for channel, persons in found.items()},
        duties,
    )


def plan(notice: Notice, hospital: Hospital) -> int:
    """Deliveries of a notice to those who have it open and are not planned yet; how many rows. Safe to repeat."""
    kind = kind_of(notice.kind)
    if kind is None or notice.resolved_at is not None:
        return 0
    people = list(
        Receipt.objects.filter(notice=notice, read_at__isnull=True)
        .order_by("id")
        .values_list("person_id", flat=True)
    )
    at = clock.now()
    known = reach(hospital, people, at)
    there = switches.outside(hospital, known.switches)
    rows = []
    for person in people:
        for channel in there:
            if person not in known.reachable[channel] or not known.switches.on(kind, person, channel):
                continue
            waits = known.digests(person) and not notice.urgent
            rows.append(
                Delivery(
                    hospital=hospital,
                    notice=notice,
                    person_id=person,
                    channel=channel,
                    key=f"n:{notice.uid}",
                    state=DeliveryState.DIGEST if waits else DeliveryState.WAITING,
                    urgent=notice.urgent,
                    created_at=at,
                    due_at=known.when(person, at, notice.urgent),
                )
            )
    Delivery.objects.bulk_create(rows, batch_size=500, ignore_conflicts=True)
    return len(rows)


def postpone(rows: list[Delivery], known: Reach, at: datetime) -> tuple[list[Delivery], list[Delivery]]:
    """Rows that may go now, and those whose person rests (their `due_at` set to the end of the rest)."""
    now, later = [], []
    for row in rows:
        due = known.when(row.person_id, at, row.urgent)
        if due <= at:
            now.append(row)
        else:
            row.due_at = due
            later.append(row)
    return now, later


def people_of(rows: Iterable[Any]) -> list[int]:
    """The persons of some rows, each once."""
    return list(dict.fromkeys(row.person_id for row in rows))
