"""Everything the running system offers, asked for real as each role, against the reviewed routes.csv.

The file is written and reviewed by hand; no code writes it. A cell is the status a role gets (`sign-in`: sent to the
one sign-in page; empty: not asked). What the system offers and the file does not know fails, and the reverse.
"""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.access import admin, running
from tests.integration.access.things import ROLES, Things

pytestmark = pytest.mark.django_db

FILE = Path(__file__).with_name("routes.csv")

LISTED: dict[str, Callable[[], list[str]]] = {
    "operation": running.operations,
    "route": running.plain_routes,
    "admin": running.admin_views,
    "job": running.job_kinds,
    "command": running.command_verbs,
    "action": running.resource_actions,
    "export": running.exports,
}


def reviewed(kind: str) -> dict[str, dict[str, str]]:
    """Rows of the reviewed file of one kind, by what they speak of."""
    with FILE.open(encoding="utf-8", newline="") as stream:
        return {row["what"]: row for row in csv.DictReader(stream) if row["kind"] == kind}


@pytest.mark.parametrize("kind", LISTED)
def test_nothing_runs_that_was_not_reviewed_and_nothing_reviewed_is_gone(kind: str) -> None:
    there, known = set(LISTED[kind]()), set(reviewed(kind))
    assert there, f"the walker lists no {kind}: it looks in the wrong place"
    assert (sorted(there - known), sorted(known - there)) == ([], []), "new or gone: review routes.csv"


def test_the_file_says_why_and_nothing_twice() -> None:
    with FILE.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len({(row["kind"], row["what"]) for row in rows}) == len(rows)
    assert {row["kind"] for row in rows} == set(LISTED)
    assert [row["what"] for row in rows if not row["note"].strip() and row["kind"] != "admin"] == []


def test_no_command_of_ours_lies_outside_an_installed_app() -> None:
    assert running.command_files() <= {verb.split()[0] for verb in running.command_verbs()}


def test_each_operation_answers_each_role_as_reviewed(things: Things) -> None:
    wrong = []
    for operation, row in reviewed("operation").items():
        for role in ROLES:
            answer = things.ask(role, operation)
            if str(answer.status_code) != row[role]:
                wrong.append(f"{operation} as {role}: {answer.status_code}, reviewed {row[role]}")
            if answer.status_code >= 400 and answer["Content-Type"] != "application/problem+json":
                wrong.append(f"{operation} as {role}: {answer.status_code} is {answer['Content-Type']}")
    assert wrong == [], "\n".join(map(str, wrong))


def test_every_unsafe_operation_wants_the_token(things: Things) -> None:
    unsafe = [one for one in running.operations() if not one.startswith("GET ")]
    got = {
        one: things.ask(role, one, csrf=False).status_code
        for one in unsafe
        for role in ("hospital_admin", "inspector")
    }
    assert set(got.values()) == {403}, got


def test_the_reviewed_rights_leave_strangers_outside() -> None:
    """The file itself: whatever stands below a hospital is closed to other hospitals, to the platform, to nobody's session."""
    inside = {what: row for what, row in reviewed("operation").items() if "/h/<hospital>/" in what}
    to_visitors = {what for what, row in inside.items() if row["note"].startswith("open to visitors")}
    assert {what.split("/h/<hospital>/")[1].split("/")[0] for what in to_visitors} == {"cms", "search"}
    for what in to_visitors:
        row = inside.pop(what)
        assert row["anonymous"] == row["foreign_inspector"] == row["platform_admin"], (
            "all of them are visitors here"
        )
    assert {row["anonymous"] for row in inside.values()} == {"401"}
    assert {row["foreign_inspector"] for row in inside.values()} == {"404"}
    assert {row["platform_admin"] for row in inside.values()} == {"404"}


#: What every hospital of the installation sees: the country's holidays, the defaults of the regulations.
SHARED = ("resources/org.calendar_day/rows", "resources/regulations.rule/rows")


def test_another_hospitals_things_answer_as_nothing_through_ones_own_hospital(things: Things) -> None:
    """The uid is real and the person has the role, but asks below the own hospital's path."""
    wrong = []
    for operation in reviewed("operation"):
        if "uid>" in operation and not any(one in operation for one in SHARED):
            answer = things.ask("foreign_inspector", operation, slug="yunling")
            if answer.status_code not in (403, 404):
                wrong.append((operation, answer.status_code))
    assert wrong == [], "\n".join(map(str, wrong))


def test_plain_routes_answer_as_reviewed(things: Things) -> None:
    wrong = []
    for pattern, row in reviewed("route").items():
        for role in ("inspector", "anonymous"):
            got, _ = admin.answer(things.clients[role], pattern)
            if got != row[role]:
                wrong.append(f"{pattern} as {role}: {got}, reviewed {row[role]}")
    assert wrong == [], "\n".join(map(str, wrong))


def test_each_admin_view_stands_behind_the_gate(things: Things) -> None:
    wrong = []
    for pattern, row in reviewed("admin").items():
        for role, methods in (
            ("anonymous", ("GET", "POST")),
            ("inspector", ("GET", "POST")),
            ("platform_admin", ("GET",)),
        ):
            for method in methods:
                got, _ = admin.answer(things.clients[role], pattern, method)
                expected = "405" if row[role] == "200" and method == "POST" and got == "405" else row[role]
                if got != expected:
                    wrong.append(f"{method} {pattern} as {role}: {got}, reviewed {row[role]}")
    assert wrong == [], "\n".join(map(str, wrong))


def test_the_reviewed_admin_rows_open_nothing_but_scripts_and_icons() -> None:
    open_to_all = {what for what, row in reviewed("admin").items() if row["anonymous"] != "sign-in"}
    assert open_to_all == {"/admin/jsi18n/", "/admin/sprite/"}
    assert {row["inspector"] for what, row in reviewed("admin").items() if what not in open_to_all} == {"403"}


@pytest.mark.parametrize("path", ["/admin/login/", "/admin/password_reset/", "/_util/login/"])
def test_no_second_door_shows_or_takes_a_password(things: Things, path: str) -> None:
    account = things.world.account("platform_admin", "")
    client = things.clients["anonymous"]
    shown = client.get(path, follow=True)
    assert b'type="password"' not in shown.content and b"password" not in client.get(path).content
    sent = {"username": account.username, "password": account.password, "email": "a@example.com"}
    client.post(path, sent, headers={"X-CSRFToken": client.cookies["csrftoken"].value})
    assert client.get("/api/v1/session").json()["signed_in"] is False
