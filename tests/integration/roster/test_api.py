"""The page's and the personnel system's way in: real requests, the job, undo, who may, and what changed in between."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client

from core.accounts.domain import tokens
from core.audit.models import Event
from core.jobs.domain import cancel
from core.jobs.models import Job
from core.jobs.testing import run_pending
from core.kernel.context import Actor, acting, actor_scope, hospital_scope
from core.org.models import Person, Post
from core.roster.models import ChangeSet
from core.testing import factories
from core.testing.world import World

pytestmark = pytest.mark.django_db
BY = Actor.system("test")
HERE = "/api/v1/h/binjiang"
ROWS = "工号,姓名,科室,职务,入职日期\nT0001,试用甲,骨科,护士,2026-11-01\nT0002,试用乙,骨科,护士,2026-11-01\n"


@pytest.fixture
def world(settings: Any, tmp_path: Any) -> World:
    settings.HOME = tmp_path / "home"
    settings.HOME.mkdir(mode=0o700)
    return World.small()


@pytest.fixture
def client(world: World) -> Iterator[Client]:
    yield signed_in(world, "hospital_admin")


def signed_in(world: World, role: str) -> Client:
    made = Client()
    with actor_scope(BY):
        made.force_login(world.user(role))
    return made


def post(client: Client, path: str, body: dict[str, Any], **headers: str) -> Any:
    return client.post(f"{HERE}/{path}", json.dumps(body), content_type="application/json", headers=headers)


def upload(client: Client, content: str = ROWS, kind: str = "staff") -> Any:
    sent = {"file": SimpleUploadedFile("人员.csv", content.encode()), "kind": kind}
    return client.post(f"{HERE}/roster/uploads", sent)


def test_the_pages_way_from_file_to_undo(client: Client, world: World) -> None:
    kinds = client.get(f"{HERE}/roster/kinds").json()
    assert [k["key"] for k in kinds] == ["campuses", "departments", "staff", "posts", "party_orgs", "members"]
    assert {"key", "label", "required", "help", "example"} <= set(kinds[2]["columns"][0])
    template = client.get(kinds[2]["template_href"])
    assert template.status_code == 200 and template.content[:2] == b"PK"
    kept = upload(client).json()
    assert {"uid", "name", "kind", "sheets", "sheet", "columns", "mapping"} <= set(kept)
    told = post(client, f"roster/uploads/{kept['uid']}/preview", {"complete": False}).json()
    assert told["counts"]["joined"] == 2 and told["questions"] == [] and told["findings"] == []
    assert {"key", "name", "text", "from", "to"} == set(told["groups"][0]["rows"][0])
    order = {"digest": told["digest"], "answers": {}, "leave_out": []}
    job = post(client, f"roster/uploads/{kept['uid']}/apply", order).json()["job"]
    assert not Person.objects.filter(name="试用甲").exists(), "the job has not run"
    run_pending()
    ended = client.get(f"{HERE}/jobs/{job}").json()
    assert ended["state"] == "done", ended
    found = client.get(f"{HERE}/resources/roster.change_set/rows").json()["rows"]
    assert [(r["values"]["kind"], r["state"], r["actions"]) for r in found] == [
        ("staff", "applied", ["undo"])
    ]
    detail = client.get(f"{HERE}/resources/roster.change_set/rows/{found[0]['uid']}").json()
    [table] = [p for p in detail["panels"] if p["kind"] == "table"]
    assert {r["values"]["name"] for r in table["rows"]} == {"试用甲", "试用乙"}
    assert Event.objects.filter(kind="read", subject_uid=found[0]["uid"]).exists(), "the look is recorded"
    done = post(
        client,
        "resources/roster.change_set/commands/undo",
        {"uid": found[0]["uid"], "expected_version": found[0]["version"], "values": {}},
        **{"Idempotency-Key": "undo-1"},
    )
    assert done.status_code == 200, done.content
    assert not Person.objects.filter(name="试用甲").exists()
    kinds_of = set(Event.objects.filter(subject_type="roster.change_set").values_list("kind", flat=True))
    assert {"roster.applied", "roster.undone"} <= kinds_of


def test_names_and_cells_are_not_in_clear_in_the_change_set(client: Client, world: World) -> None:
    kept = upload(client).json()
    told = post(client, f"roster/uploads/{kept['uid']}/preview", {}).json()
    post(client, f"roster/uploads/{kept['uid']}/apply", {"digest": told["digest"]})
    run_pending()
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT difference FROM roster_changeset")
        [(cell,)] = cursor.fetchall()
    assert cell and "试用甲" not in cell and "T0001" not in cell


def test_a_world_that_changed_since_the_preview_is_refused(client: Client, world: World) -> None:
    kept = upload(client).json()
    told = post(client, f"roster/uploads/{kept['uid']}/preview", {}).json()
    job = post(client, f"roster/uploads/{kept['uid']}/apply", {"digest": told["digest"]}).json()["job"]
    factories.post(world.hospital(), "staff", factories.person("试用甲"), source_code="X9")
    run_pending()
    ended = client.get(f"{HERE}/jobs/{job}").json()
    assert ended["state"] == "failed" and "又有了变动" in ended["error"]["detail"]
    assert not Person.objects.filter(name="试用乙").exists()
    assert ChangeSet.unscoped.get().state == "failed"
    again = post(client, f"roster/uploads/{kept['uid']}/apply", {"digest": told["digest"]})
    assert again.status_code == 409 and again.json()["code"] == "refused"


def test_a_wrong_digest_and_an_open_question_are_refused(client: Client, world: World) -> None:
    factories.post(world.hospital(), "staff", factories.person("试用甲"), source_code="X9")
    kept = upload(client).json()
    told = post(client, f"roster/uploads/{kept['uid']}/preview", {}).json()
    assert post(client, f"roster/uploads/{kept['uid']}/apply", {"digest": "0" * 64}).status_code == 409
    refused = post(client, f"roster/uploads/{kept['uid']}/apply", {"digest": told["digest"]})
    assert refused.status_code == 409
    assert [q["id"] for q in refused.json()["data"]["questions"]] == ["same:T0001"]
    order = {"digest": told["digest"], "answers": {"same:T0001": "new"}}
    assert post(client, f"roster/uploads/{kept['uid']}/apply", order).status_code == 200
    run_pending()
    assert Person.objects.filter(name="试用甲").count() == 2


def test_a_cancelled_job_writes_nothing_and_can_be_resumed(client: Client, world: World) -> None:
    kept = upload(client).json()
    told = post(client, f"roster/uploads/{kept['uid']}/preview", {}).json()
    uid = post(client, f"roster/uploads/{kept['uid']}/apply", {"digest": told["digest"]}).json()["job"]
    cancel(Job.unscoped.get(uid=uid), by=BY)
    run_pending()
    assert not Person.objects.filter(name="试用甲").exists()
    assert client.post(f"{HERE}/jobs/{uid}/resume").status_code == 200
    run_pending()
    assert Person.objects.filter(name="试用甲").exists()


def test_a_repeated_key_gives_the_first_job(client: Client, world: World) -> None:
    kept = upload(client).json()
    told = post(client, f"roster/uploads/{kept['uid']}/preview", {}).json()
    path, order = f"roster/uploads/{kept['uid']}/apply", {"digest": told["digest"]}
    first = post(client, path, order, **{"Idempotency-Key": "k1"}).json()
    assert post(client, path, order, **{"Idempotency-Key": "k1"}).json() == first
    run_pending()
    assert ChangeSet.unscoped.count() == 1
    assert post(client, path, order, **{"Idempotency-Key": "k1"}).json() == first, (
        "also once it has taken effect"
    )


def test_a_personnel_system_puts_whole_lists(world: World) -> None:
    hospital = world.hospital()
    with hospital_scope(hospital), acting(BY):
        _, secret = tokens.create(hospital, "人事系统", ["roster.write"], 90, by=BY)
    robot = Client(headers={"Authorization": f"Bearer {secret}"})

    def put(kind: str, rows: list[dict[str, Any]], query: str = "", **more: Any) -> Any:
        body = json.dumps({"rows": rows, **more})
        return robot.put(f"{HERE}/roster/{kind}{query}", body, content_type="application/json")

    rows = [{"number": "T0001", "name": "试用甲", "department": "骨科", "joined_on": "2026-11-01"}]
    dry = put("staff", rows, "?dry_run=1")
    assert dry.status_code == 200 and dry.json()["counts"]["joined"] == 1
    assert not ChangeSet.unscoped.exists()
    sent = put("staff", rows).json()
    run_pending()
    assert robot.get(f"{HERE}/jobs/{sent['job']}").json()["state"] == "done"
    assert Post.unscoped.get(source_code="T0001").person.name == "试用甲"
    assert put("staff", rows).json()["job"] is None, "nothing to do"
    wrong = put("staff", [{"number": "T0002", "name": "乙", "department": "没有", "salary": 3}])
    assert wrong.status_code == 422 and {e["row"] for e in wrong.json()["errors"] if "row" in e} == {1}
    assert put("members", [{"number": "T0001"}]).status_code == 403, "Party data is not a personnel system's"
    assert robot.get(f"{HERE}/resources/org.person/rows").status_code in (401, 403, 404)
    assert put("staff", []).status_code == 422


@pytest.mark.parametrize("role", ["inspector", "pharmacy", "staff", "department_head"])
def test_others_may_not(world: World, role: str) -> None:
    other = signed_in(world, role)
    assert other.get(f"{HERE}/roster/kinds").status_code == 403
    assert upload(other).status_code == 403
    assert other.get(f"{HERE}/resources/roster.change_set/rows").status_code == 404


def test_the_party_office_brings_in_members_only(world: World) -> None:
    office = signed_in(world, "party_office")
    assert [k["key"] for k in office.get(f"{HERE}/roster/kinds").json()] == ["party_orgs", "members"]
    assert upload(office).status_code == 403


def test_another_hospitals_upload_is_none(client: Client, world: World) -> None:
    kept = upload(client).json()["uid"]
    other = Client()
    with actor_scope(BY):
        other.force_login(world.user("hospital_admin", "yunling"))
    path = f"/api/v1/h/yunling/roster/uploads/{kept}/preview"
    assert other.post(path, "{}", content_type="application/json").status_code == 404


def test_the_command_line_does_the_same(world: World, tmp_path: Any, capsys: Any) -> None:
    file = tmp_path / "人员.csv"
    file.write_text(ROWS, "utf-8")

    def run(*arguments: str) -> Any:
        call_command("roster", *arguments, "--hospital", "binjiang", "--json")
        return json.loads(capsys.readouterr().out)

    assert run("preview", "--kind", "staff", "--file", str(file))["counts"]["joined"] == 2
    done = run("apply", "--kind", "staff", "--file", str(file))
    assert done["state"] == "applied" and Person.objects.filter(name="试用乙").exists()
    assert [s["uid"] for s in run("list")["sets"]] == [done["uid"]]
    assert run("undo", "--set", done["uid"])["state"] == "undone"
    assert not Person.objects.filter(name="试用乙").exists()
    made = run("template", "--kind", "members", "--out", str(tmp_path))["file"]
    assert made.endswith("党员名册模板.xlsx")
    with pytest.raises(SystemExit):
        run("undo", "--set", done["uid"])
    assert json.loads(capsys.readouterr().out)["code"] == "refused"
