"""Every role × every resource × every action, asked over HTTP, at the admin's door and on the command line.

What is right stands in tests/policy/expected.csv, which people review; that file is finer (relation, state) and is
compared form by form in tests/integration/policy. Here the running system is asked whether it keeps to it.
"""

import csv
import json
from functools import cache
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client

from core.policy.principal import VISITOR
from core.policy.roles import ROLES
from core.resources import registry
from tests.integration.access import running
from tests.integration.access.things import SLUG, Things, signed_in

pytestmark = pytest.mark.django_db

EXPECTED = Path(__file__).resolve().parents[2] / "policy" / "expected.csv"
ASKED = [role for role in ROLES if role != VISITOR]
#: Roles that write or review pages; nobody else passes the door of the page administration.
PAGES = {"editor", "reviewer"}


@cache
def _lines() -> list[dict[str, str]]:
    with EXPECTED.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def reviewed(role: str, type_key: str, action: str) -> bool:
    """Whether the reviewed file lets the role do this to anything at all."""
    return any(line[role] != "-" for line in _lines() if (line["type"], line["action"]) == (type_key, action))


@pytest.fixture(scope="module")
def clients(things: Things) -> dict[str, Client]:
    """One client for each role."""
    return {role: signed_in(things.world.user(role, SLUG)) for role in ASKED}


@pytest.mark.parametrize("role", ASKED)
def test_each_role_finds_the_lists_it_may_see_and_no_other(clients: dict[str, Client], role: str) -> None:
    wrong = []
    for key in running.resource_keys():
        spec = registry.everything()[key].spec
        expected = 200 if reviewed(role, spec.policy_type, "view") else 404
        got = clients[role].get(f"/api/v1/h/{SLUG}/resources/{key}/rows?limit=1").status_code
        if got not in ({expected, 428} if expected == 200 else {expected}):
            wrong.append(f"{key}: {got}, reviewed {expected}")
    assert wrong == []


@pytest.mark.parametrize("role", ASKED)
def test_each_role_may_begin_the_actions_it_has_and_no_other(clients: dict[str, Client], role: str) -> None:
    """404: the resource is not theirs; 403: they see it and may not; anything else: the empty form was judged."""
    wrong = []
    client = clients[role]
    headers = {"X-CSRFToken": client.cookies["csrftoken"].value}
    for key in running.resource_keys():
        spec = registry.everything()[key].spec
        sees = reviewed(role, spec.policy_type, "view")
        asked = [(f"commands/{a.verb}", a.policy_action) for a in spec.actions]
        for path, action in asked:
            may = reviewed(role, spec.policy_type, action)
            got = client.post(
                f"/api/v1/h/{SLUG}/resources/{key}/{path}",
                {"values": {"no such field": 1}},
                content_type="application/json",
                headers=headers,
            ).status_code
            right = got in (409, 422) if may else got == (403 if sees else 404)
            if not right:
                wrong.append(f"{key} {action}: {got}, reviewed may={may} sees={sees}")
    assert wrong == []


@pytest.mark.parametrize("role", ASKED)
def test_each_role_may_begin_the_exports_it_has_and_no_other(clients: dict[str, Client], role: str) -> None:
    wrong = []
    client = clients[role]
    headers = {"X-CSRFToken": client.cookies["csrftoken"].value}
    for key in running.resource_keys():
        spec = registry.everything()[key].spec
        sees, may = (reviewed(role, spec.policy_type, way) for way in ("view", "export"))
        got = client.post(
            f"/api/v1/h/{SLUG}/resources/{key}/export",
            {"purpose": "no such purpose"},
            content_type="application/json",
            headers=headers,
        ).status_code
        if not sees:
            right = got == 404
        elif not spec.export:
            right = got == 409
        else:
            right = got in (200, 409, 422, 428) if may else got == 403
        if not right:
            wrong.append(f"{key}: {got}, reviewed sees={sees} may={may} offered={bool(spec.export)}")
    assert wrong == []


def test_only_those_who_write_or_review_pages_pass_the_door_of_the_admin(clients: dict[str, Client]) -> None:
    passed = {
        role for role, client in clients.items() if client.get("/admin/", follow=True).status_code == 200
    }
    assert passed == PAGES


def test_the_command_line_says_of_each_role_what_http_does(
    things: Things, clients: dict[str, Client]
) -> None:
    wrong = []
    for role in ASKED:
        name = things.world.account(role, SLUG).username
        for key in ("org.department", "org.person", "warning.rule", "policy.delegation", "lake.quarantine"):
            out = StringIO()
            call_command("policy", "why", hospital=SLUG, person=name, type=key, json=True, stdout=out)
            got = clients[role].get(f"/api/v1/h/{SLUG}/resources/{key}/rows?limit=1").status_code
            if json.loads(out.getvalue())["allowed"] != (got in (200, 428)):
                wrong.append((role, key, got))
    assert wrong == []
