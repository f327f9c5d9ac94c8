"""Quarters as "2025-Q2": their months, their Chinese names, which of them have whole data."""

import re
from datetime import date

from core.plugin_api import FieldError, Hospital, Invalid, clock, lake
from plugins.warning.domain.prepare import LINES

_FORM = re.compile(r"(\d{4})-?[Qq]([1-4])")


def parse(text: str) -> str:
    """The quarter as written ("2025-Q2", "2025q2"). Raises Invalid."""
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise Invalid(
            f"“{text}”不是季度，应如 2025-Q2。",
            [FieldError("/values/quarter", "不是季度", "请写成 2025-Q2 的样子")],
        )
    return f"{found[1]}-Q{found[2]}"


def months(quarter: str) -> list[str]:
    """Its three months as "2025-04"."""
    year, number = _split(quarter)
    return [f"{year}-{month:02d}" for month in range(number * 3 - 2, number * 3 + 1)]


def before(quarter: str) -> str:
    """The quarter before."""
    year, number = _split(quarter)
    return f"{year}-Q{number - 1}" if number > 1 else f"{year - 1}-Q4"


def bounds(quarter: str) -> tuple[date, date]:
    """First day and the day after the last."""
    year, number = _split(quarter)
    end = date(year + 1, 1, 1) if number == 4 else date(year, number * 3 + 1, 1)
    return date(year, number * 3 - 2, 1), end


def label(quarter: str) -> str:
    """In words: 2025年第2季度."""
    year, number = _split(quarter)
    return f"{year}年第{number}季度"


def whole(quarter: str, landed: set[str], today: date) -> bool:
    """Whether the quarter is over and each of its months has landed lines."""
    return bounds(quarter)[1] <= today and landed.issuperset(months(quarter))


def complete(hospital: Hospital) -> list[str]:
    """The hospital's quarters with whole data, the newest first."""
    landed = {pin.month for pin in lake.pins(hospital, LINES)}
    known = {f"{month[:4]}-Q{(int(month[5:]) + 2) // 3}" for month in landed}
    today = clock.today(hospital.zone)
    return sorted((quarter for quarter in known if whole(quarter, landed, today)), reverse=True)


def _split(quarter: str) -> tuple[int, int]:
    year, number = quarter.split("-Q")
    return int(year), int(number)
