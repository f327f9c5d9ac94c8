"""Lists of the core as Excel files, asked for over HTTP as the page does; and own jobs after a change of name."""

import io
import json

import pytest
import python_calamine
from django.test import Client

from core.jobs.domain import submit
from core.jobs.models import Job
from core.jobs.testing import run_pending
from core.kernel.context import Actor, acting, actor_scope
from core.testing.world import World
from tests.integration.access.things import Things

pytestmark = pytest.mark.django_db
HERE = "/api/v1/h/binjiang"


def _client(world: World, role: str) -> Client:
    client = Client()
    with actor_scope(Actor.system("test")):
        client.force_login(world.user(role))
    return client


def _export(client: Client, key: str) -> dict[str, object]:
    body = json.dumps({"where": None, "order": ""})
    answer = client.post(f"{HERE}/resources/{key}/export", body, content_type="application/json")
    assert answer.status_code == 200, answer.content
    run_pending()
    job: dict[str, object] = client.get(f"{HERE}/jobs/{answer.json()['job']}").json()
    assert job["state"] == "done", job
    return job


@pytest.mark.parametrize(
    ("role", "key"),
    [
        ("hospital_admin", "org.person"),
        ("hospital_admin", "org.department"),
        ("inspector", "lake.import"),
        ("pharmacy", "lake.import"),
    ],
)
def test_the_file_holds_the_list_and_opens_for_who_asked(
    world: World, things: Things, role: str, key: str
) -> None:
    client = _client(world, role)
    job = _export(client, key)
    assert _client(world, "leader").get(str(job["href"])).status_code == 404
    answer = client.get(str(job["href"]))
    assert answer.status_code == 200
    book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(b"".join(answer.streaming_content)))
    cells = {str(cell) for line in book.get_sheet_by_index(1).to_python() for cell in line}
    labels = {row["label"] for row in client.get(f"{HERE}/resources/{key}/rows").json()["rows"]}
    assert labels
    assert labels <= cells
    again = client.get(str(job["href"]))
    assert again.status_code == 410 and "只能下载一次" in again.json()["detail"]


def test_a_person_keeps_the_own_jobs_when_the_name_changes(world: World, things: Things) -> None:
    user, client = world.user("pharmacy"), _client(world, "pharmacy")
    key = {"key": "lake.import", "where": None, "q": "", "order": "", "user": str(user.uid)}
    with acting(Actor.user(user)):
        made = submit("resources.export", key, by=Actor.user(user), hospital=world.hospital())
    assert Job.unscoped.get(uid=made.uid).requester == f"user:{user.uid}"
    assert client.get(f"{HERE}/jobs/{made.uid}").status_code == 200
    with acting(Actor.system("test")):
        user.person.name = "改名之后"
        user.person.save()
    assert client.get(f"{HERE}/jobs/{made.uid}").status_code == 200
    assert client.post(f"{HERE}/jobs/{made.uid}/cancel").status_code == 200
    assert _client(world, "inspector").get(f"{HERE}/jobs/{made.uid}").status_code == 404
