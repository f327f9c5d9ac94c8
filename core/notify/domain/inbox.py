"""One person's box: what is open, what there was, reading it. Notices of plugins that are off are not shown."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import BigIntegerField, Count, Exists, F, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from core.kernel import clock
from core.kernel.context import Actor, acting
from core.kernel.errors import FieldError, Invalid, NotFound
from core.kernel.prepared import Prepared, Slot
from core.notify.kinds import kind_of
from core.notify.models import Delivery, DeliveryState, Receipt
from core.policy.models import PluginActivation

PAGE = 30
STATES = ("open", "all")


def page(hospital: Any, person: int, *, state: str = "open", after: str = "", today: date) -> dict[str, Any]:
    """{open, notices, next}, newest first, in one query (two for an empty later page). Raises Invalid."""
    if state not in STATES:
        raise Invalid("不认识这个状态。", [FieldError("/state", "应是 open 或 all。")])
    if after and not (after.isdecimal() and len(after) < 19):
        raise Invalid("页码不对，请从第一页看起。", [FieldError("/after", "不是上一页给出的值。")])
    rows = _box(Receipt.objects, hospital.id, person)
    open_rows = rows.filter(closed_at__isnull=True).order_by()
    counted = open_rows.values("person_id").annotate(n=Count("pk")).values("n")
    wanted = open_rows if state == "open" else rows
    if after:
        wanted = wanted.filter(pk__lt=int(after))
    found = list(
        wanted.select_related("notice")
        .annotate(open_now=Coalesce(Subquery(counted, output_field=IntegerField()), 0))
        .order_by("-pk")[: PAGE + 1]
    )
    if found:
        number = found[0].open_now
    else:
        number = open_rows.count() if after or state == "all" else 0
    shown = found[:PAGE]
    return {
        "open": number,
        "notices": [_out(row, today) for row in shown],
        "next": str(shown[-1].pk) if len(found) > PAGE else None,
    }


def count(hospital: Any, person: int) -> int:
    """How many notices are open: the number at the bell."""
    rows = _COUNT.rows(hospital=hospital.id, person=person)
    return int(rows[0][0]) if rows else 0


@dataclass(frozen=True)
class Waiting:
    """What the first page takes from the box: open notices, things not counted there yet, the first of these."""

    open: int
    things: int
    items: list[dict[str, Any]]


def waiting(hospital: Any, person: int, *, besides: Iterable[str], limit: int, today: date) -> Waiting:
    """Things that the home page has not counted as to-dos, in one query, or two where there are any.

    Three reminders of one thing are one; what a to-do already leads to (`besides`: its addresses) is left out.
    """
    rows = _box(Receipt.objects, hospital.id, person).filter(closed_at__isnull=True)
    new = Q(notice__todo=False) & ~Q(notice__href__in=list(besides))
    counted = rows.order_by().aggregate(
        open=Count("pk"), things=Count("notice__thing", distinct=True, filter=new)
    )
    found: dict[str, dict[str, Any]] = {}
    if counted["things"]:
        for row in rows.filter(new).select_related("notice").order_by("-notice__urgent", "-pk")[: limit * 4]:
            if len(found) < limit:
                found.setdefault(row.notice.thing, _out(row, today))
    return Waiting(counted["open"], counted["things"], list(found.values()))


def read(hospital: Any, person: int, uid: str, *, by: Actor) -> dict[str, Any]:
    """Mark one as read; it closes unless it stays until the thing is finished. Raises NotFound."""
    with acting(by):
        row = _box(Receipt.objects, hospital.id, person).filter(uid=uid).select_related("notice").first()
        if row is None:
            raise NotFound()
        if row.read_at is None:
            _mark(Receipt.objects.filter(pk=row.pk))
            _drop(person, Q(notice_id=row.notice_id))
    return {"open": count(hospital, person)}


def read_all(hospital: Any, person: int, *, by: Actor) -> dict[str, Any]:
    """Mark all as read; what waits for being finished stays open."""
    with acting(by):
        unread = Receipt.objects.filter(person_id=person, read_at__isnull=True)
        _drop(person, Q(notice_id__in=unread.order_by().values("notice_id")))
        _mark(unread)
    return {"open": count(hospital, person)}


def _mark(rows: QuerySet[Receipt]) -> None:
    at = clock.now()
    ids = list(rows.values_list("pk", "notice__lasting", "closed_at"))
    for start in range(0, len(ids), 500):
        part = ids[start : start + 500]
        closing = [pk for pk, lasting, closed in part if not lasting and closed is None]
        Receipt.objects.filter(pk__in=[pk for pk, _, _ in part]).update(read_at=at, version=F("version") + 1)
        Receipt.objects.filter(pk__in=closing).update(closed_at=at)


def _drop(person: int, which: Q) -> None:
    """What was read in the box need not be told again outside."""
    waiting_ones = Delivery.objects.filter(
        which, person_id=person, state__in=(DeliveryState.WAITING, DeliveryState.DIGEST)
    )
    waiting_ones.update(state=DeliveryState.DROPPED)


def _count() -> QuerySet[Any, Any]:
    hospital, person = (Slot(name, BigIntegerField()) for name in ("hospital", "person"))
    rows = _box(Receipt.unscoped, hospital, person).filter(closed_at__isnull=True).order_by()
    return rows.values("person_id").annotate(n=Count("pk")).values_list("n")


_COUNT = Prepared(_count)


def _box(receipts: Any, hospital_id: Any, person: Any) -> QuerySet[Receipt]:
    on = PluginActivation.unscoped.filter(
        hospital_id=hospital_id, plugin=OuterRef("notice__plugin"), enabled=True
    )
    mine: QuerySet[Receipt] = receipts.filter(hospital_id=hospital_id, person_id=person)
    return mine.filter(Q(notice__plugin="") | Exists(on))


def _out(row: Receipt, today: date) -> dict[str, Any]:
    notice = row.notice
    kind = kind_of(notice.kind)
    return {
        "uid": str(row.uid),
        "kind": notice.kind,
        "kind_label": kind.label if kind else notice.title,
        "title": notice.title,
        "text": notice.text,
        "href": notice.href,
        "urgent": notice.urgent,
        "at": notice.created_at.isoformat(),
        "read_at": row.read_at.isoformat() if row.read_at else None,
        "closed_at": row.closed_at.isoformat() if row.closed_at else None,
        "due": due_out(notice.due_on, notice.due_provisional, notice.due_basis, today),
    }


def due_out(on: date | None, provisional: bool, basis: str, today: date) -> dict[str, Any] | None:
    """Days left, a sentence and the basis, as the home page shows deadlines."""
    if on is None:
        return None
    left = (on - today).days
    said = f"还有 {left} 天" if left > 0 else "今天到期" if left == 0 else f"已超过 {-left} 天"
    if provisional:
        said += "（暂算：当年节假日安排未录入）"
    return {"days_left": left, "text": f"{said}，{on.month}月{on.day}日截止", "basis": basis}
