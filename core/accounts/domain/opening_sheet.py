"""The one sheet of codes: made in memory at its one download, after which the codes are nowhere any more.

It goes through the export path (number, watermark, expiry, record, one download), except that no file is ever written:
a stored file would hold the codes in the clear on the disk and in every backup.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import OuterRef, QuerySet, Subquery

from core.accounts.domain import opening as openings
from core.accounts.domain import people
from core.accounts.models import OpenedLine, Opening
from core.kernel import clock
from core.kernel.errors import Forbidden, NotFound
from core.org.models import Enrolment, Hospital
from core.resources import export_asks, export_rules
from core.resources.exporters import Exporter, Offer, Sheet, register_exporter
from core.resources.models import ExportRequest
from core.resources.spec import Field, Row

NAME = "accounts.codes"
SUBJECT = "accounts.opening"
COLUMNS = (
    Field("department", "科室"),
    Field("name", "姓名", "person", role="primary"),
    Field("number", "工号", "code"),
    Field("username", "账号", "code"),
    Field("code", "登录码", "code"),
    Field("until", "有效期至", "datetime"),
    Field("how", "怎么用", role="primary"),
)
HOW = "打开廉洁平台，选“用登录码设置密码”，填账号、登录码和自己定的新密码。登录码只能用一次，请勿转给他人。"


def register() -> None:
    """Make the exporter known."""
    register_exporter(Exporter(NAME, offer, at_once=rows_once))


def lay_ready(opening: Opening, principal: Any, count: int) -> ExportRequest | None:
    """Put the sheet of this round where its administrator fetches it. Inside `acting()`; None without any code."""
    take_back(opening)
    if not count:
        Opening.unscoped.filter(pk=opening.pk).update(export_uid=None)
        return None
    now = clock.now()
    until = min(now + export_rules.FILE_KEPT, now + timedelta(days=settings.INITIAL_CODE_DAYS))
    local = now.astimezone(ZoneInfo(opening.hospital.zone))
    made = export_asks.lay_ready(
        principal,
        NAME,
        {"opening": str(opening.uid)},
        text=f"发放初始登录码：{opening.label}",
        name=f"登录码单 {local:%Y%m%d-%H%M}.xlsx",
        rows=count,
        until=until,
    )
    Opening.unscoped.filter(pk=opening.pk).update(export_uid=made.uid)
    return made


def take_back(opening: Opening) -> None:
    """The sheet laid ready before is not handed out any more: a newer one is to come."""
    fresh = Opening.unscoped.get(pk=opening.pk)
    if fresh.export_uid is not None:
        export_asks.take_back(fresh.export_uid, "已由新的登录码单代替。")


def offer(principal: Any, asked: dict[str, Any]) -> Offer:
    """Whether this sheet is this person's and may be fetched now. Raises NotFound, Forbidden."""
    found = _opening(principal, asked)
    if not openings.reaches(principal):
        raise Forbidden("您现在没有开通账号的权限，不能下载登录码单。")
    return Offer(SUBJECT, "登录码单", 2, found.label, uid=str(found.uid))


def rows_once(principal: Any, asked: dict[str, Any]) -> Sheet:
    """The rows, and the end of their codes' texts. Inside the download's transaction.

    Whoever has left, or holds a post since that this administrator may not hand a code for, is left out, and that
    code ends.
    """
    found = _opening(principal, asked)
    allowed = openings.reaches(principal)
    lines = OpenedLine.unscoped.filter(opening=found, text__isnull=False)
    open_to = people.accounts_of(found.hospital_id).filter(is_active=True, in_office=True, reach__in=allowed)
    good = lines.filter(user_id__in=open_to.values("pk"), code__withdrawn_at=None, code__used_at=None)
    rows = list(as_rows(good, found.hospital))
    openings.forget(good, withdraw=False)
    openings.forget(lines, withdraw=True)
    said = f"{found.label}，共 {len(rows)} 人。请沿横线裁开，当面交给本人"
    return Sheet("登录码单", COLUMNS, iter(rows), said, {"opening": str(found.uid)})


def as_rows(lines: QuerySet[OpenedLine], hospital: Hospital) -> Iterator[Row]:
    """The rows, by department and name, with the codes opened."""
    zone = ZoneInfo(hospital.zone)
    roll = Enrolment.unscoped.filter(person_id=OuterRef("user__person_id"), hospital_id=hospital.pk)
    placed = people.accounts_of(hospital.pk).filter(pk=OuterRef("user_id")).values("department_name")[:1]
    found = lines.select_related("user__person", "code").annotate(
        number=Subquery(roll.exclude(number="").values("number")[:1]), place=Subquery(placed)
    )
    ordered = sorted(found, key=lambda one: (one.place or "", one.user.person.sort_key, one.pk))
    for line in ordered:
        text = str(line.text)
        values = {
            "department": line.place or "",
            "name": line.user.person.name,
            "number": line.number or "",
            "username": line.user.username,
            "code": f"{text[:4]}-{text[4:]}",
            "until": line.code.expires_at.astimezone(zone),
            "how": HOW,
        }
        yield Row(str(line.uid), 1, hospital.pk, "", line.user.person.name, values)


def show_once(opening: Opening, show: Callable[[list[Row]], None]) -> int:
    """What the console gets instead of a sheet: `show` is called, and the texts are gone when it returns. How many.

    Inside `acting()`: where `show` fails, they stay and the next call shows them.
    """
    lines = OpenedLine.unscoped.filter(opening=opening, text__isnull=False)
    rows = list(as_rows(lines, opening.hospital))
    show(rows)
    openings.forget(lines, withdraw=False)
    Opening.unscoped.filter(pk=opening.pk).update(state=Opening.State.DONE, finished_at=clock.now())
    return len(rows)


def sweep(now: Any) -> int:
    """Destroy the codes of sheets that ended unfetched, and of codes past their time; how many. Inside `acting()`."""
    held = OpenedLine.unscoped.filter(text__isnull=False)
    ready = ExportRequest.unscoped.filter(state=ExportRequest.State.READY, expires_at__gt=now)
    running = Opening.State.RUNNING
    ended = held.exclude(opening__state=running).exclude(opening__export_uid__in=ready.values("uid"))
    mine = ended.filter(opening__person__isnull=False)
    return openings.forget(mine, withdraw=True) + openings.forget(
        held.filter(code__expires_at__lte=now), withdraw=True
    )


def _opening(principal: Any, asked: dict[str, Any]) -> Opening:
    mine = Opening.unscoped.filter(hospital_id=principal.hospital_id, person_id=principal.person_id)
    found = mine.select_related("hospital").filter(uid=asked.get("opening")).first()
    if found is None:
        raise NotFound()
    return found
