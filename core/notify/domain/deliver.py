"""Sending what is due: claim, ask the channel, record. At least once; WeCom drops a repeated request itself.

Between the answer of a server and our record of it a process may be killed. The row then stays claimed and is sent again
when the claim runs out: to WeCom as the very same request (same batch, same order, same text), which its duplicate check
drops for four hours; by mail under the same Message-ID, which a reader may see twice. Nothing is ever lost that way.
"""

import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db.models import F, Q

from core.kernel import clock
from core.kernel.context import Actor, acting, hospital_scope
from core.kernel.ids import new_uid
from core.notify.channels import Message, Outcome, wecom
from core.notify.channels.mail import Mailer
from core.notify.domain import plan, switches
from core.notify.models import Channel, Contact, Delivery, DeliveryState, HospitalSettings
from core.org.models import Hospital
from core.vault.cells import CellError
from core.vault.keys import KeyUnavailable

log = logging.getLogger(__name__)

BY = Actor.system("notify")
#: How long a sender that died keeps others from its rows. Longer than any single request.
CLAIM = timedelta(minutes=5)
#: Seconds before the second, third … try; after the last one the delivery has failed.
BACK_OFF = (60, 300, 900, 3600, 4 * 3600, 8 * 3600)
#: Mails on one connection.
MAILS = 50
#: A row that is due later than anything we ever plan was written before the clock was set back.
FARTHEST = timedelta(hours=30)
NO_CONTACT = Outcome(False, "no_contact", "没有登记联系方式，或已被清空。")
SEALED = Outcome(False, "sealed", "联系方式暂时打不开，请系统管理员检查密钥。", 900)
OFF = Outcome(False, "channel_off", "这个渠道还没有设置，请系统管理员设置后重发。")


def deliver_due(hospital: Hospital, *, tick: Callable[[], Any] = lambda: None) -> dict[str, int]:
    """Send everything of the hospital that is due now; {sent, failed, later}. Raises what is a fault of ours."""
    told = {"sent": 0, "failed": 0, "later": 0}
    with hospital_scope(hospital):
        _straighten(clock.now())
        for rows in _wecom_batches():
            limited = _send_wecom(hospital, rows, told)
            tick()
            if limited:
                break
        mailer = Mailer()
        try:
            for rows in _mail_batches():
                _send_mails(hospital, rows, told, mailer, tick)
        finally:
            mailer.close()
    return told


def resend(rows: list[Delivery]) -> int:
    """Try failed deliveries again, from the first attempt; how many. In the caller's transaction."""
    ids = [row.pk for row in rows]
    return Delivery.objects.filter(pk__in=ids, state=DeliveryState.FAILED).update(
        state=DeliveryState.WAITING,
        due_at=clock.now(),
        created_at=clock.now(),
        attempts=0,
        batch=None,
        claim=None,
        claimed_until=None,
        code="",
        reason="",
        version=F("version") + 1,
    )


def address(hospital: Hospital, href: str) -> str:
    """The full address of a page; empty when the operator has not set the site's."""
    return f"{settings.PUBLIC_URL}{href}" if settings.PUBLIC_URL and href else ""


def _straighten(at: datetime) -> None:
    """Rows that a clock which ran ahead has put into the far future are due by the clock of today."""
    with acting(BY):
        Delivery.objects.filter(state=DeliveryState.WAITING, due_at__gt=at + FARTHEST).update(due_at=at)
        Delivery.objects.filter(state=DeliveryState.SENDING, claimed_until__gt=at + CLAIM + CLAIM).update(
            claimed_until=at
        )


def _due(channel: str, at: datetime) -> Q:
    waiting = Q(state=DeliveryState.WAITING, due_at__lte=at)
    lost = Q(state=DeliveryState.SENDING, claimed_until__lt=at)
    return Q(channel=channel) & (waiting | lost)


def _wecom_batches() -> Iterator[list[Delivery]]:
    """Claimed rows, one request's worth at a time: a former batch whole and first, then rows of one notice together."""
    while True:
        at = clock.now()
        first = Delivery.objects.filter(_due(Channel.WECOM, at)).order_by("-urgent", "due_at", "id").first()
        if first is None:
            return
        rows = Delivery.objects.filter(_due(Channel.WECOM, at))
        if first.batch is not None:
            found = _claim(list(rows.filter(batch=first.batch).order_by("id")[: wecom.MOST]), at, first.batch)
        elif first.notice_id is None:
            found = _claim([first], at, new_uid())
        else:
            same = rows.filter(notice_id=first.notice_id, batch__isnull=True)
            found = _claim(list(same.order_by("id")[: wecom.MOST]), at, new_uid())
        if found:
            yield found


def _mail_batches() -> Iterator[list[Delivery]]:
    while True:
        at = clock.now()
        due = Delivery.objects.filter(_due(Channel.MAIL, at)).order_by("-urgent", "due_at", "id")[:MAILS]
        rows = list(due)
        if not rows:
            return
        found = _claim(rows, at, None)
        if found:
            yield found


def _claim(rows: list[Delivery], at: datetime, batch: UUID | None) -> list[Delivery]:
    """Take the rows whose person does not rest; another sender that was first keeps what it took."""
    if not rows:
        return []
    hospital = Hospital.objects.get(pk=rows[0].hospital_id)
    known = plan.reach(hospital, plan.people_of(rows), at)
    ready, resting = plan.postpone(rows, known, at)
    token = uuid4()
    with acting(BY):
        for due in {row.due_at for row in resting}:
            ids = [row.pk for row in resting if row.due_at == due]
            _update(ids, Q(), {"due_at": due, "state": DeliveryState.WAITING, "claim": None})
        values: dict[str, Any] = {
            "state": DeliveryState.SENDING,
            "claim": token,
            "claimed_until": at + CLAIM,
        } | ({"batch": batch} if batch else {})
        _update([row.pk for row in ready], _due(rows[0].channel, at), values)
    taken = Delivery.objects.filter(claim=token).select_related("notice").order_by("id")
    return list(taken)


def _update(ids: list[int], still: Q, values: dict[str, Any]) -> None:
    for start in range(0, len(ids), 500):
        Delivery.objects.filter(still, pk__in=ids[start : start + 500]).update(**values)


def _send_wecom(hospital: Hospital, rows: list[Delivery], told: dict[str, int]) -> bool:
    """One request and its record; whether the vendor asked for a pause."""
    names, outcomes = _contacts(rows, "wecom")
    account = _account(switches.of_hospital(hospital))
    if account is None:
        outcomes = {row.pk: OFF for row in rows}
        names = {}
    if names:
        assert account is not None
        users = list(dict.fromkeys(names[row.pk] for row in rows if row.pk in names))
        answer = wecom.send(account, _message(hospital, rows[0]), users)
        outcomes |= {pk: answer[name] for pk, name in names.items()}
    _record(rows, outcomes, told)
    return any(wecom.is_limit(outcome) for outcome in outcomes.values() if outcome.code == "wecom_45009")


def _send_mails(
    hospital: Hospital, rows: list[Delivery], told: dict[str, int], mailer: Mailer, tick: Callable[[], Any]
) -> None:
    """One mail a row, recorded at once, so that a kill repeats one mail at most."""
    addresses, outcomes = _contacts(rows, "mail")
    for row in rows:
        outcome = outcomes.get(row.pk) or (
            mailer.send(
                _message(hospital, row),
                addresses[row.pk],
                mark=f"qinglian-{row.uid}",
                hospital=hospital.short_name or hospital.name,
            )
            if settings.EMAIL_HOST
            else OFF
        )
        _record([row], {row.pk: outcome}, told)
        tick()


def _contacts(rows: list[Delivery], column: str) -> tuple[dict[int, str], dict[int, Outcome]]:
    """Delivery → address, and the outcome of those that have none."""
    found: dict[int, str] = {}
    broken: set[int] = set()
    people = plan.people_of(rows)
    for start in range(0, len(people), 500):
        for contact in Contact.objects.filter(person_id__in=people[start : start + 500]):
            try:
                if value := getattr(contact, column):
                    found[contact.person_id] = value
            except (CellError, KeyUnavailable):
                broken.add(contact.person_id)
    return (
        {row.pk: found[row.person_id] for row in rows if row.person_id in found},
        {
            row.pk: SEALED if row.person_id in broken else NO_CONTACT
            for row in rows
            if row.person_id not in found
        },
    )


def _message(hospital: Hospital, row: Delivery) -> Message:
    """What is said follows from stored rows alone, so that a repetition is the same to the letter."""
    if row.notice is None:
        return Message(row.title, row.text, address(hospital, f"/h/{hospital.slug}/notices"))
    return Message(row.notice.title, row.notice.text, address(hospital, row.notice.href))


def _account(row: HospitalSettings) -> wecom.Account | None:
    if not row.wecom_corp or row.wecom_agent is None or not row.wecom_secret:
        return None
    return wecom.Account(row.wecom_corp, row.wecom_agent, row.wecom_secret)


def _record(rows: list[Delivery], outcomes: dict[int, Outcome], told: dict[str, int]) -> None:
    """Write how it went, as long as the claim is ours; rows of one outcome together."""
    at = clock.now()
    groups: dict[tuple[Outcome, int], list[int]] = {}
    for row in rows:
        groups.setdefault((outcomes[row.pk], row.attempts), []).append(row.pk)
    with acting(BY):
        for (outcome, attempts), ids in groups.items():
            values, said = _values(outcome, attempts, at)
            _update(ids, Q(claim=rows[0].claim), values)
            told[said] += len(ids)


def _values(outcome: Outcome, attempts: int, at: datetime) -> tuple[dict[str, Any], str]:
    free = {"claim": None, "claimed_until": None, "attempts": attempts + 1, "version": F("version") + 1}
    if outcome.sent:
        return free | {"state": DeliveryState.SENT, "sent_at": at, "code": "", "reason": ""}, "sent"
    why = {"code": outcome.code[:40], "reason": outcome.reason[:200]}
    if outcome.again and attempts < len(BACK_OFF):
        wait = timedelta(seconds=max(outcome.again, BACK_OFF[attempts]))
        return free | why | {"state": DeliveryState.WAITING, "due_at": at + wait}, "later"
    return free | why | {"state": DeliveryState.FAILED}, "failed"
