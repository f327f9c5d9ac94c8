"""Random worlds: the four forms of policy, and a plain reading of the rules, say the same of every thing.

A world is a department tree, dated posts, delegations, recusals, a table with deny rows, a type and its things, on one
day. The object form, the ORM form (real SQL on SQLite), the line form (DuckDB) and the search tokens are compared with
each other and with `Plain` below, which knows nothing of predicates. Nothing is read from the product's database.

    python -m tests.policy.worlds --worlds 50000 [--seed 1]

prints the figures as JSON and ends with 1 where forms differ.
"""

import argparse
import json
import random
import sqlite3
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from uuid import UUID

from tests.policy.making import ACTION, PEOPLE, TODAY, TYPE, World, attributes, code, make
from tests.policy.plain import Plain

#: Worlds whose lines are asked in one query of DuckDB.
BATCH = 40


def principals(world: World) -> dict[int, Any]:
    """The askers' rights, made by the product."""
    from core.policy.domain.compose import Someone, Trees, compose

    trees = Trees([(n, code(n), path) for n, path in world.paths.items()], list(world.parties.items()))
    found = {}
    for person in world.askers:
        user, uid = PEOPLE[person]
        who = Someone(person, f"人员{person}", user, uid)
        givers = {one.giver_id for one in world.handed[person]} | {person}
        kept = [one for one in world.kept if one.person_id in givers]
        found[person] = compose(TODAY, who, world.posts[person], world.handed[person], kept, trees)
    return found


@dataclass
class Report:
    """Figures of a run."""

    worlds: int = 0
    decisions: int = 0
    allowed: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)


def compare(worlds: int, seed: int = 1) -> Report:
    """Make so many worlds and compare; Django must be set up."""
    from core.testing.probe import policy_rows, registered

    dice = random.Random(seed)
    report = Report()
    for start in range(0, worlds, BATCH):
        batch = [make(n, dice) for n in range(start, min(start + BATCH, worlds))]
        lines = _lines(batch)
        columns: dict[str, Any] = {}
        wanted: dict[str, set[str]] = {}
        for world in batch:
            with policy_rows(world.rows), registered(world.policy):
                _one(world, lines, columns, wanted, report)
        _ask_lines(lines, columns, wanted, report)
        report.worlds += len(batch)
    return report


def _one(
    world: World, lines: Any, columns: dict[str, Any], wanted: dict[str, set[str]], report: Report
) -> None:
    from core.policy.decide import can, ibis_filter, q
    from core.policy.tokens import holds, token_filter, tokens_of

    plain = Plain(world)
    attrs = {thing["object"]: attributes(world, thing) for thing in world.things}
    database = _database(world, attrs)
    report.counts["deny rows"] += sum(row.effect == "deny" for row in world.rows)
    report.counts["recusals"] += len(world.kept)
    for person, principal in principals(world).items():
        right: set[str] = set()
        entrusted = principal is not None and any(post.giver for post in principal.posts)
        report.counts["with delegation"] += entrusted
        report.counts["with recusal"] += bool(principal and principal.recusals)
        report.counts["without a post"] += principal is None
        found = token_filter(principal, ACTION, TYPE)
        for thing in world.things:
            uid = thing["object"]
            verdict = can(principal, ACTION, TYPE, attrs[uid])
            told = (verdict.allowed, verdict.max_class if verdict.allowed else 0)
            expected = plain.verdict(person, thing)
            expected = (expected[0], expected[1] if expected[0] else 0)
            report.decisions += 1
            report.allowed += expected[0]
            if expected[0]:
                right.add(uid)
            if told != expected:
                report.differences.append(
                    f"world {world.number} person {person}: can {told}, plain {expected}"
                )
            carried = tokens_of(TYPE, attrs[uid])
            by_token = [holds(found, carried, level, level) for level in (1, 2, 3, 4)]
            if by_token != [expected == (True, level) for level in (1, 2, 3, 4)]:
                report.differences.append(
                    f"world {world.number} person {person}: tokens {by_token}, plain {expected}"
                )
        got = _select(database, q(principal, ACTION, TYPE))
        if got != right:
            report.differences.append(
                f"world {world.number} person {person}: SQL differs in {sorted(got ^ right)}"
            )
        name = f"w{world.number}_{person}"
        columns[name] = (world, ibis_filter(principal, ACTION, TYPE, lines))
        wanted[name] = right


@lru_cache(maxsize=8)
def _model(department_number: bool, person_number: bool, campus_number: bool) -> Any:
    """A model nobody migrates, with number or text columns as the type keeps departments, people and campuses."""
    from django.db import models

    def column(number: bool) -> Any:
        return models.IntegerField(null=True) if number else models.TextField(null=True)

    meta = type("Meta", (), {"app_label": "policy_worlds", "managed": False, "db_table": "thing"})
    return type(
        f"Thing{department_number:d}{person_number:d}{campus_number:d}",
        (models.Model,),
        {
            "__module__": __name__,
            "Meta": meta,
            "object": models.UUIDField(primary_key=True),
            "department": column(department_number),
            "campus": column(campus_number),
            "party": models.IntegerField(null=True),
            "person": column(person_number),
            "state": models.TextField(),
        },
    )


@lru_cache(maxsize=1)
def _sqlite() -> tuple[sqlite3.Connection, Any]:
    """A SQLite in memory, and a connection of Django's that only compiles."""
    from django.db import connections
    from django.db.backends.sqlite3.base import DatabaseWrapper

    settings = {**connections["default"].settings_dict, "NAME": ":memory:", "OPTIONS": {}}
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE thing (object, department, campus, party, person, state)")
    return database, DatabaseWrapper({**settings, "ENGINE": "django.db.backends.sqlite3"}, "worlds")


def _database(world: World, attrs: dict[str, dict[str, Any]]) -> Any:
    """The world's things as the only rows of the table; the model to ask with."""
    database, _ = _sqlite()
    database.execute("DELETE FROM thing")
    database.executemany(
        "INSERT INTO thing VALUES (:object, :department, :campus, :party, :person, :state)",
        [{**one, "object": UUID(uid).hex} for uid, one in attrs.items()],
    )
    policy = world.policy
    return _model(
        policy.department_by == "id", policy.person_by in {"person", "user"}, policy.campus_by == "id"
    )


def _select(model: Any, condition: Any) -> set[str]:
    from django.core.exceptions import EmptyResultSet

    database, compiling = _sqlite()
    rows = model._base_manager.filter(condition).values_list("object")
    try:
        sql, params = rows.query.get_compiler(connection=compiling).as_sql()
    except EmptyResultSet:
        return set()
    return {str(UUID(row[0])) for row in database.execute(sql.replace("%s", "?"), params)}


#: Columns of the lines: every way in which a type may name a thing's department, campus and person.
LINES = {
    "object": "string",
    "world": "int64",
    "department_id": "int64",
    "department_code": "string",
    "campus_id": "int64",
    "campus_code": "string",
    "campus_name": "string",
    "party": "int64",
    "person_person": "int64",
    "person_user": "int64",
    "person_actor": "string",
    "person_source_code": "string",
    "state": "string",
}


@lru_cache(maxsize=1)
def _duckdb() -> Any:
    import ibis

    return ibis.duckdb.connect()


def _lines(batch: list[World]) -> Any:
    import pyarrow as pa

    kinds = {"int64": pa.int64(), "string": pa.string()}
    rows = []
    for world in batch:
        for thing in world.things:
            user, uid = PEOPLE[thing["person"]] if thing["person"] else (None, None)
            campus = thing["campus"] or (None, None, None)
            rows.append(
                {
                    "object": thing["object"],
                    "world": world.number,
                    "department_id": thing["department"],
                    "department_code": thing["department"] and code(thing["department"]),
                    "campus_id": campus[0],
                    "campus_code": campus[1],
                    "campus_name": campus[2],
                    "party": thing["party"],
                    "person_person": thing["person"],
                    "person_user": user,
                    "person_actor": uid and f"user:{uid}",
                    "person_source_code": thing["code"],
                    "state": thing["state"],
                }
            )
    schema = pa.schema([(name, kinds[kind]) for name, kind in LINES.items()])
    return _duckdb().create_table("lines", pa.Table.from_pylist(rows, schema=schema), overwrite=True)


def _ask_lines(lines: Any, columns: dict[str, Any], wanted: dict[str, set[str]], report: Report) -> None:
    """One query gives, for each asker of each world, which lines they see."""
    told = lines.select(lines.object, lines.world, **{name: seen for name, (_, seen) in columns.items()})
    found = told.to_pyarrow().to_pydict()
    rows_of: dict[int, list[int]] = {}
    for i, number in enumerate(found["world"]):
        rows_of.setdefault(number, []).append(i)
    for name, (world, _) in columns.items():
        got = {found["object"][i] for i in rows_of[world.number] if found[name][i]}
        if got != wanted[name]:
            differ = sorted(got ^ wanted[name])
            report.differences.append(f"world {name}: lines differ in {differ}")


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    import django

    django.setup()
    began = time.monotonic()
    report = compare(asked.worlds, asked.seed)
    told = {
        "worlds": report.worlds,
        "decisions": report.decisions,
        "allowed": report.allowed,
        "seconds": round(time.monotonic() - began, 1),
        "seed": asked.seed,
        **report.counts,
        "differences": len(report.differences),
        "first": report.differences[:5],
    }
    sys.stdout.write(json.dumps(told, ensure_ascii=False, indent=2) + "\n")
    return 1 if report.differences else 0


if __name__ == "__main__":
    import os

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "core.settings.test")
    sys.exit(main())
