"""The organisation as resources: types for policy, the lists and pages, and who hears of changes.

Pages of persons and posts are in `specs_org_people`, of the trees in `specs_org_tree`, of the hospital, its campuses
and its calendar in `specs_org_place`. The logic is in `core.org.domain`.
"""

from typing import Any

from core.org.domain import changes
from core.policy.types import TypePolicy, register_type
from core.resources import specs_org_people, specs_org_place, specs_org_tree
from core.resources.searchable import touch
from core.resources.specs_org_people import persons_of
from core.resources.specs_org_place import campuses
from core.resources.specs_org_tree import STATES

__all__ = ["STATES", "campuses", "persons_of", "register"]


def register() -> None:
    """Make types and lists known."""
    for policy in (
        TypePolicy("org.hospital", "医院资料", 2, {}),
        TypePolicy("org.campus", "院区", 2, {}),
        TypePolicy("org.calendar_day", "工作日历", 1, {"state": "owner"}),
        TypePolicy(
            "org.department", "科室", 2, {"department": "id", "campus": "campus_id", "state": "state"}
        ),
        TypePolicy("org.party_org", "党组织", 2, {}),
        TypePolicy(
            "org.person",
            "人员",
            2,
            {"department": "department_here", "campus": "campus_here", "person": "id"},
        ),
        # the state that policy asks of is the kind of role: ordinary, or one that the security administrator gives
        TypePolicy(
            "org.post",
            "任职",
            2,
            {
                "department": "department_id",
                "campus": "campus_id",
                "person": "person_id",
                "state": "grade",
            },
        ),
    ):
        register_type(policy)
    specs_org_place.register()
    specs_org_tree.register()
    specs_org_people.register()
    changes.listen("search", _touched)


def _touched(type_key: str, uids: list[str], hospital: Any) -> None:
    touch(type_key, uids, hospital=hospital)
