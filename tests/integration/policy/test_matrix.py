"""The policy tables in force against tests/policy/expected.csv, which people review: every role, type, action, relation."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from django.urls import get_resolver

from core.kernel.context import Actor, acting
from core.org.models import Post
from core.policy.decide import can, check_table, q
from core.policy.principal import VISITOR, PostRight, Principal, visitor
from core.policy.roles import ROLES
from core.policy.table import table
from core.policy.types import type_policy
from core.testing.probe import as_posts, policy_rows, registered, write_things
from core.testing.strategies import Thing
from core.testing.world import World

ROOT = Path(__file__).resolve().parents[3]
EXPECTED = ROOT / "tests" / "policy" / "expected.csv"
TABLES = [ROOT / "core" / "policy" / "table.csv", *sorted(ROOT.glob("plugins/*/declarations/policy.csv"))]

#: Where the rows of the deletion test stand: (id, code) of a department below one's own, and of one elsewhere.
BELOW, ELSEWHERE = (2, "骨科关节病区"), (3, "心内科")
OTHER_PERSON = (900, 900, "user:00000000-0000-0000-0000-000000000900")


@pytest.fixture(autouse=True, scope="module")
def _whole_product() -> None:
    """Some types register with the routes."""
    assert get_resolver().url_patterns


def _expected() -> list[dict[str, str]]:
    with EXPECTED.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _rows_of_tables() -> list[tuple[str, int, str]]:
    found = []
    for path in TABLES:
        source = "core" if path.parent.name == "policy" else path.parents[1].name
        with path.open(encoding="utf-8", newline="") as stream:
            for line, row in enumerate(csv.DictReader(stream), start=2):
                found.append(
                    (source, line, "-".join([row["role"], row["type"], row["action"], row["relation"]]))
                )
    return found


def _thing(
    relation: str, state: str, principal: Principal, below: tuple[int, str], elsewhere: tuple[int, str]
) -> Thing:
    me = (principal.person_id, principal.user_id, str(principal.actor))
    code = next(iter(principal.source_codes), "mine")
    mine = relation == "own"
    return Thing(
        below if relation == "department" else elsewhere,
        None,
        me if mine else OTHER_PERSON,
        "any" if state == "*" else state,
        code if mine else "other",
    )


def _differences(principals: dict[str, Principal]) -> list[str]:
    """Lines of the reviewed matrix that the tables in force do not give, by object check."""
    found = []
    for line in _expected():
        policy = type_policy(line["type"])
        for role, principal in principals.items():
            thing = _thing(line["relation"], line["state"], principal, BELOW, ELSEWHERE)
            verdict = can(principal, line["action"], line["type"], thing.attributes(policy))
            got = str(verdict.max_class) if verdict.allowed else "-"
            if got != line[role]:
                where = " ".join(line[key] for key in ("type", "action", "relation", "state"))
                found.append(f"{role} {where}: expected {line[role]}, got {got}")
    return found


def _imagined() -> dict[str, Principal]:
    """One principal for each role without a database: head of department 1, which has department 2 below it."""
    found = {}
    for n, role in enumerate(ROLES, start=1):
        post = PostRight(role, frozenset({1, 2}), frozenset({"骨科", "骨科关节病区"}), frozenset({1}))
        found[role] = Principal(
            n, f"00000000-0000-0000-0000-{n:012d}", n, 1, role, (post,), frozenset({f"B{n:05d}"})
        )
    return found


def test_the_tables_give_what_was_reviewed() -> None:
    assert _differences(_imagined()) == []


def test_the_reviewed_file_speaks_of_every_role_type_and_action_in_force() -> None:
    lines = _expected()
    assert {(line["type"], line["action"]) for line in lines} == {(row.type, row.action) for row in table()}
    assert set(lines[0]) - {"type", "action", "relation", "state"} == set(ROLES)
    assert len({tuple(line[k] for k in ("type", "action", "relation", "state")) for line in lines}) == len(
        lines
    )


def test_no_row_speaks_of_what_a_form_cannot_express() -> None:
    assert check_table(table(), type_policy) == []


@pytest.mark.parametrize(("source", "line", "what"), _rows_of_tables(), ids=lambda value: str(value))
def test_deleting_any_row_is_seen(source: str, line: int, what: str) -> None:
    rows = table()
    kept = [row for row in rows if (row.source, row.line) != (source, line)]
    assert len(kept) == len(rows) - 1
    with policy_rows(kept):
        assert _differences(_imagined()) != []


@pytest.mark.django_db
def test_accounts_of_the_world_see_what_was_reviewed_in_object_and_database_form() -> None:
    """Real principals of the first hospital; rows of the second hospital never come, whatever the role."""
    world = World.small()
    hospital, other = world.hospital("binjiang"), world.hospital("yunling")
    below, elsewhere = ((world.department(name).id, name) for name in ("骨科关节病区", "心内科"))
    stranger = world.user("staff", "yunling")
    person = (stranger.person_id, stranger.id, f"user:{stranger.uid}")
    wrong = []
    for role in ROLES:
        if role == VISITOR:
            principal = replace(visitor(hospital), person_id=person[0], user_id=person[1])
        else:
            principal = world.principal(role, department="骨科" if role == "department_head" else "")
        for line in _expected():
            policy = type_policy(line["type"])
            thing = _thing(line["relation"], line["state"], principal, below, elsewhere)
            if thing.person == OTHER_PERSON:
                thing = Thing(thing.department, None, person, thing.state, thing.code)
            with acting(Actor.system("test")), registered(as_posts(policy)):
                [mine], [theirs] = write_things([thing], hospital), write_things([thing], other)
                rows = Post.unscoped.filter(hospital_id=principal.hospital_id, pk__in=[mine.pk, theirs.pk])
                got = set(
                    rows.filter(q(principal, line["action"], line["type"])).values_list("pk", flat=True)
                )
                verdict = can(principal, line["action"], line["type"], mine)
                Post.unscoped.filter(pk__in=[mine.pk, theirs.pk]).delete()
            wanted = {mine.pk} if line[role] != "-" else set()
            if got != wanted or verdict.allowed != bool(wanted):
                wrong.append((role, *(line[key] for key in ("type", "action", "relation", "state"))))
    assert wrong == []
