"""Night shifts: entered one by one or from a CSV file; after one the person is not disturbed until the hospital's hour."""

import csv
import io
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from core.kernel.context import Actor, acting, hospital_scope
from core.kernel.errors import FieldError, Invalid
from core.notify.models import NightDuty
from core.org.models import Hospital, Post

COLUMNS = ("工号", "值班日期", "下班时间")
#: When a shift ends that says nothing.
ENDS = time(8, 0)
MOST_ROWS = 20_000


def ends_at(hospital: Hospital, day: date, ends: time) -> datetime:
    """The end of a night shift: the morning after `day`."""
    return datetime.combine(day + timedelta(days=1), ends, tzinfo=ZoneInfo(hospital.zone)).replace(fold=1)


def put(hospital: Hospital, person: int, day: date, ends: time) -> NightDuty:
    """One shift; the same person and day again changes its end. Within `acting()` and the hospital's scope."""
    row, _ = NightDuty.objects.update_or_create(
        hospital_id=hospital.id, person_id=person, day=day, defaults={"ends_at": ends_at(hospital, day, ends)}
    )
    return row


def load(hospital: Hospital, text: str, *, by: Actor) -> dict[str, int]:
    """A CSV with 工号, 值班日期 (2026-11-22) and 下班时间 (08:00, may be empty): all rows or none; {rows}.

    Raises Invalid naming each row that is wrong.
    """
    reader = csv.DictReader(io.StringIO(text.lstrip("\ufeff")))
    missing = [name for name in COLUMNS[:2] if name not in (reader.fieldnames or [])]
    if missing:
        raise Invalid(
            f"夜班表缺少列：{'、'.join(missing)}。",
            [FieldError("/file", "缺少列。", "第一行写：工号,值班日期,下班时间")],
        )
    errors: list[FieldError] = []
    wanted: dict[tuple[int, date], time] = {}
    with hospital_scope(hospital):
        persons = _persons()
        for number, row in enumerate(reader, start=2):
            if number > MOST_ROWS:
                raise Invalid(f"夜班表超过 {MOST_ROWS} 行，请分成几个文件。")
            found = _row(row, number, persons, errors)
            if found is not None:
                wanted[found[0]] = found[1]
        if errors:
            raise Invalid(f"有 {len(errors)} 处不能用，一行也没有导入。", errors[:100])
        rows = [
            NightDuty(hospital=hospital, person_id=person, day=day, ends_at=ends_at(hospital, day, ends))
            for (person, day), ends in wanted.items()
        ]
        for start in range(0, len(rows), 500):
            with acting(by):
                NightDuty.objects.bulk_create(
                    rows[start : start + 500],
                    update_conflicts=True,
                    unique_fields=["hospital", "person", "day"],
                    update_fields=["ends_at"],
                )
    return {"rows": len(rows)}


def parse_time(text: str) -> time:
    """`8:00` or `08:00`. Raises ValueError."""
    hour, _, minute = text.strip().partition(":")
    return time(int(hour), int(minute or 0))


def _row(
    row: dict[str, Any], number: int, persons: dict[str, int], errors: list[FieldError]
) -> tuple[tuple[int, date], time] | None:
    code = (row.get("工号") or "").strip()
    if code not in persons:
        errors.append(
            FieldError(row=number, cell="工号", message=f"本院没有工号“{code[:40]}”。", cure="请核对工号。")
        )
        return None
    try:
        day = date.fromisoformat((row.get("值班日期") or "").strip())
    except ValueError:
        errors.append(
            FieldError(row=number, cell="值班日期", message="日期的格式不对。", cure="写成 2026-11-22。")
        )
        return None
    try:
        ends = parse_time(row["下班时间"]) if (row.get("下班时间") or "").strip() else ENDS
    except ValueError:
        errors.append(
            FieldError(row=number, cell="下班时间", message="时间的格式不对。", cure="写成 08:00。")
        )
        return None
    return (persons[code], day), ends


def _persons() -> dict[str, int]:
    """工号 → person, of the hospital in context."""
    rows = Post.objects.exclude(source_code="").order_by("starts_on", "id")
    return dict(rows.values_list("source_code", "person_id"))
