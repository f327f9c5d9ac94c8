"""A plugin that is switched off is gone from every way in, by one predicate; its rows stay and come back."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from core.jobs.domain import submit
from core.jobs.models import Job
from core.jobs.testing import run_pending
from core.kernel.context import actor_scope, hospital_scope
from core.kernel.errors import Problem
from core.plugin_host import dispatch
from core.plugin_host.service import disable, enable
from core.policy.activation import is_enabled
from core.resources import gateway
from plugins.warning.models import Warning
from tests.integration.access.things import BY, SLUG, Things

pytestmark = pytest.mark.django_db

BASE = f"/api/v1/h/{SLUG}"
WAYS = [
    "/resources/warning.warning",
    "/resources/warning.warning/rows",
    "/resources/warning.warning/rows/{warning}",
    "/resources/warning.rule/rows",
    "/resources/warning.run/rows",
    "/resources/warning.unevaluated/rows",
    "/p/warning/warnings/{warning}/lines",
]


def statuses(things: Things, role: str = "inspector") -> set[int]:
    """What every way into the plugin answers."""
    uid = things.rows["warning.warning"]
    return {things.clients[role].get(BASE + way.format(warning=uid)).status_code for way in WAYS}


def menu(things: Things, role: str = "inspector") -> set[str]:
    return {entry["key"] for entry in things.clients[role].get(f"{BASE}/menu").json()}


def home(things: Things, role: str = "inspector") -> dict[str, Any]:
    return things.clients[role].get(f"{BASE}/home").json()


def test_switched_off_every_way_is_closed_and_switched_on_all_is_back(things: Things) -> None:
    hospital, kept = things.world.hospital(), Warning.unscoped.count()
    before = (
        statuses(things),
        menu(things),
        home(things)["cards"],
        home(things, "department_head")["todo"]["n"],
    )
    assert before[0] == {200} and {"warnings", "rules", "runs"} <= before[1] and before[2] and before[3] == 1
    disable("warning", hospital, by=BY)
    assert not is_enabled("warning", hospital.id)
    assert statuses(things) == {404}
    assert not menu(things) & {"warnings", "rules", "runs", "unevaluated"}
    assert home(things)["cards"] == [] and home(things, "department_head")["todo"]["n"] == 0
    assert Warning.unscoped.count() == kept == 1
    enable("warning", hospital, by=BY)
    assert (
        statuses(things),
        menu(things),
        home(things)["cards"],
        home(things, "department_head")["todo"]["n"],
    ) == before


def test_no_verb_and_no_export_passes_while_it_is_off(things: Things) -> None:
    disable("warning", things.world.hospital(), by=BY)
    for operation in (
        "POST /api/v1/h/<hospital>/resources/warning.warning/commands/assign",
        "POST /api/v1/h/<hospital>/resources/warning.run/commands/start",
        "POST /api/v1/h/<hospital>/resources/warning.warning/export",
    ):
        assert things.ask("inspector", operation).status_code == 404, operation


def test_code_that_calls_the_gateway_meets_the_same_gate(things: Things) -> None:
    principal = things.world.principal("inspector")
    uid = things.rows["warning.warning"]
    assert gateway.shown_class(principal, "warning.warning", uid) == 3
    disable("warning", things.world.hospital(), by=BY)
    assert gateway.shown_class(principal, "warning.warning", uid) == 0
    with pytest.raises(Problem) as raised:
        gateway.aggregate(principal, "warning.warning")
    assert raised.value.status == 404


def test_a_job_waits_while_its_plugin_is_off(things: Things) -> None:
    hospital = things.world.hospital()
    with hospital_scope(hospital):
        job = submit("warning.run", {}, by=BY, hospital=hospital)
    disable("warning", hospital, by=BY)
    run_pending()
    job = Job.unscoped.get(pk=job.pk)
    assert job.state == "paused" and "停用" in (
        job.progress_note + json.dumps(job.error or {}, ensure_ascii=False)
    )


def test_hooks_are_asked_only_where_the_plugin_is_on(things: Things) -> None:
    principal, day = things.world.principal("inspector"), things.world.hospital()
    here, there = things.world.hospital(), things.world.hospital("yunling")
    assert set(dispatch.call("home_cards", here.id, principal=principal, today=day).given) == {"warning"}
    assert dispatch.call("home_cards", there.id, principal=principal, today=day).given == {}


def test_the_switch_is_one_hospitals_own(things: Things) -> None:
    other = things.world.hospital("yunling")
    answer = things.clients["foreign_inspector"].get("/api/v1/h/yunling/resources/warning.warning/rows")
    assert answer.status_code == 404
    enable("warning", other, by=BY)
    answer = things.clients["foreign_inspector"].get("/api/v1/h/yunling/resources/warning.warning/rows")
    assert answer.status_code == 200 and answer.json()["rows"] == [], (
        "the other hospital's warning stays there"
    )
    disable("warning", things.world.hospital(), by=BY)
    assert is_enabled("warning", other.id)


def test_page_api_and_command_line_turn_the_same_switch(things: Things) -> None:
    hospital, client = things.world.hospital(), things.clients["hospital_admin"]
    headers = {"X-CSRFToken": client.cookies["csrftoken"].value}
    assert client.post(f"{BASE}/plugins/warning/disable", headers=headers).json()["enabled"] is False
    assert not is_enabled("warning", hospital.id)
    out = StringIO()
    with actor_scope(BY):
        call_command("plugins", "enable", "warning", "--hospital", SLUG, "--json", stdout=out)
    assert json.loads(out.getvalue())["plugins"][0]["enabled"] is True
    assert client.get(f"{BASE}/plugins").json()[0]["enabled"] is True
    assert client.post(f"{BASE}/plugins/no_such/enable", headers=headers).status_code == 404
