"""From rows to the difference: one function for file, API and command line."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta

from core.kernel.errors import FieldError, Invalid
from core.org.models import Hospital
from core.roster.difference import Plan
from core.roster.plans import memberships, posts, staff, trees
from core.roster.plans.common import Work
from core.roster.read.cells import Lines, condensed
from core.roster.world import World

PLANS: dict[str, Callable[[Work], None]] = {
    "campuses": trees.plan_campuses,
    "departments": trees.plan_departments,
    "staff": staff.plan,
    "posts": posts.plan,
    "party_orgs": trees.plan_party_orgs,
    "members": memberships.plan,
}

#: A list takes effect at most so long before or after today.
PAST, FUTURE = timedelta(days=366), timedelta(days=92)


def make_plan(
    lines: Lines, *, hospital: Hospital, on: date, complete: bool, answers: Mapping[str, str] | None = None
) -> Plan:
    """What these rows would change from `on` on. Reads only. The hospital must be in context."""
    work = Work(lines, World(hospital, on), complete, answers or {})
    PLANS[lines.kind.key](work)
    work.plan.findings = condensed(lines.findings)
    return work.plan


def check_day(on: date, today: date) -> date:
    """The day the list takes effect. Raises Invalid when it is too far away."""
    if not today - PAST <= on <= today + FUTURE:
        said = f"生效日期 {on} 离今天太远"
        raise Invalid(
            f"{said}。", [FieldError("/on", said, f"请填写 {today - PAST} 至 {today + FUTURE} 之间的日期")]
        )
    return on
