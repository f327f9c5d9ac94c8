"""Types of things that policy speaks of, and where their attributes are found in each form."""

from collections.abc import Mapping
from dataclasses import dataclass, field

#: The attribute that is the thing's own uid: what a recusal from one object asks of.
OBJECT = "object"


@dataclass(frozen=True)
class TypePolicy:
    """One type: `attrs` maps attribute → ORM path, `lines` maps attribute → column of a line table.

    Attributes: department, campus, party, person, state, object (the thing's own uid). `department_by` says whether rows carry department ids or codes,
    `campus_by` whether they carry campus ids, codes or (as lines of the hospital's own systems do) names.
    """

    key: str
    label: str
    data_class: int
    attrs: Mapping[str, str] = field(default_factory=dict)
    lines: Mapping[str, str] = field(default_factory=dict)
    department_by: str = "id"  # id | code
    campus_by: str = "id"  # id | code | name
    person_by: str = "person"  # person | user | actor (kind:id) | source_code


class UnknownType(LookupError):
    """Policy was asked about a type nobody registered: a fault in our code, refused by default."""


_types: dict[str, TypePolicy] = {}


def register_type(policy: TypePolicy) -> TypePolicy:
    """Make a type known (again under the same key replaces it)."""
    if policy.data_class not in {1, 2, 3, 4}:
        raise ValueError(f"{policy.key}: a data class is 1 to 4")
    _types[policy.key] = policy
    return policy


def type_policy(key: str) -> TypePolicy:
    """The registered type. Raises UnknownType."""
    try:
        return _types[key]
    except KeyError:
        raise UnknownType(key) from None


def all_types() -> dict[str, TypePolicy]:
    """Every registered type by key."""
    return dict(_types)
