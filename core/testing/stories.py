"""The stories planted in the demonstration's lines: what a reader should be able to find, and two that must not warn."""

from dataclasses import dataclass
from datetime import date

#: First day of the generated data.
FIRST = date(2024, 1, 1)


@dataclass(frozen=True)
class Story:
    """One planted case, in the form of the planted set's truth: `must` is fire or hold."""

    code: str
    level: str
    entity: str
    month_from: str
    month_to: str
    must: str
    note: str


@dataclass(frozen=True)
class Plan:
    """When and where each story plays. Months count from 0 = the first month of the data."""

    orthopaedics: str = "骨科"
    consumables_from: int = 11
    icu: str = "重症医学科"
    antibacterials_from: int = 9
    share_department: str = "心内科"
    share_doctor: int = 2
    share_from: int = 12
    cost_department: str = "消化内科"
    cost_doctor: int = 4
    cost_from: int = 12
    repeat_department: str = "内分泌科"
    repeat_doctor: int = 5
    repeat_from: int = 13
    repeat_patients: int = 6
    newcomer_department: str = "眼科"
    newcomer_from: int = 16
    newcomer_monthly: int = 4
    season_group: str = "儿科"
    season_months: tuple[int, ...] = (11, 12, 1)
    price_factor: float = 1.35
    rep: str = "代表77"
    night_user: str = "cx017"
    many_drugs: int = 8
    sex_slips: int = 6
    level_slips: int = 7


PLAN = Plan()


def month_text(index: int) -> str:
    """YYYY-MM of the month with that number."""
    return f"{FIRST.year + (FIRST.month - 1 + index) // 12}-{(FIRST.month - 1 + index) % 12 + 1:02d}"


def month_start(index: int) -> date:
    """First day of the month with that number."""
    return date.fromisoformat(month_text(index) + "-01")
