"""Looking with another's eyes: what they see without class 3, nothing can be done, it ends, and it is recorded."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from core.audit.events import read_event
from core.audit.models import Event
from core.kernel import clock
from core.kernel.context import Actor, acting
from core.org.models import Person, Post
from core.testing.world import World
from tests.integration.rights.conftest import get, post

BY = Actor.system("test")
REASON = "核对看不到科室的原因"


def begin(client: Client, person: Person, reason: str = REASON) -> Any:
    return post(client, "rights/view-as", {"person": str(person.uid), "reason": reason})


def test_the_other_ones_lists_are_shown_masked_and_nothing_can_be_done(
    world: World, as_: Callable[..., Client]
) -> None:
    client, office = as_("security_admin"), world.user("party_office").person
    own = get(as_("party_office"), "resources/org.person/rows").json()
    assert begin(client, office).status_code == 200
    session = client.get("/api/v1/session").json()
    assert (session["view_as"]["name"], session["view_as"]["hospital"]) == (office.name, "binjiang")
    assert session["user"]["name"] == world.user("security_admin").person.name
    seen = get(client, "resources/org.person/rows").json()
    assert [row["uid"] for row in seen["rows"]] == [row["uid"] for row in own["rows"]]
    assert get(client, "resources/policy.delegation/rows").json()["rows"] == []
    for method in ("post", "put", "patch", "delete"):
        for path in ("resources/policy.delegation/commands/add", "resources/org.person/export", "files"):
            answer = getattr(client, method)(
                f"/api/v1/h/binjiang/{path}", {}, content_type="application/json"
            )
            assert (answer.status_code, answer.json()["code"]) == (403, "view_only")
    assert client.post("/admin/pages/").status_code == 403
    assert client.delete("/api/v1/h/binjiang/rights/view-as").status_code == 204
    assert "view_as" not in client.get("/api/v1/session").json()
    assert get(client, "rights/types").status_code == 200


def test_class_three_stays_closed(world: World, as_: Callable[..., Client]) -> None:
    client = as_("security_admin")
    pharmacist = world.user("pharmacy").person
    assert get(as_("pharmacy"), "resources/lake.quarantine/rows").status_code == 200
    assert begin(client, pharmacist).status_code == 200
    assert get(client, "resources/lake.import/rows").status_code == 200
    assert get(client, "resources/lake.quarantine/rows").status_code == 404


def test_start_each_look_and_end_are_in_the_record(world: World, as_: Callable[..., Client]) -> None:
    client, person = as_("security_admin"), world.user("leader").person
    viewer = f"user:{world.user('security_admin').uid}"
    begin(client, person)
    get(client, "resources/org.department/rows")
    get(client, "menu")
    client.delete("/api/v1/h/binjiang/rights/view-as")
    found = Event.objects.filter(actor=viewer, subject_uid=str(person.uid)).order_by("id")
    assert [one.kind for one in found] == ["view_as.started", "read", "read", "view_as.ended"]
    assert (
        found[0].data["reason"] == REASON
        and found[1].data["reason"] == f"以{person.name}的身份看：科室（列表）"
    )
    assert found[2].data["reason"] == f"以{person.name}的身份看：菜单"


def test_a_look_with_anothers_eyes_names_who_looked(world: World, as_: Callable[..., Client]) -> None:
    """The one whose eyes are lent has read nothing."""
    seen, looker = world.principal("leader"), world.user("security_admin")
    viewer = Actor("user", str(looker.uid), looker.person.name)
    found = read_event(replace(seen, viewer=viewer), "warning.warning", "w-1", what="详情", rows=1)
    assert (found.actor, found.label) == (str(viewer), looker.person.name)
    assert read_event(seen, "warning.warning", "w-1").label == seen.label


def test_it_ends_by_itself_after_a_quarter_of_an_hour(world: World, as_: Callable[..., Client]) -> None:
    client = as_("security_admin")
    begin(client, world.user("leader").person)
    later = clock.now() + timedelta(minutes=14, seconds=50)
    with clock.turned(later):
        assert client.get("/api/v1/session").json()["view_as"]["name"]
    with clock.turned(later + timedelta(seconds=20)):
        assert "view_as" not in client.get("/api/v1/session").json()
        assert get(client, "rights/types").status_code == 200
    assert Event.objects.filter(kind="view_as.ended").latest("id").data["ended"] == "time"


def test_it_ends_when_the_right_to_it_ends(world: World, as_: Callable[..., Client]) -> None:
    client, person = as_("security_admin"), world.user("leader").person
    begin(client, person)
    assert get(client, "resources/org.department/rows").status_code == 200
    with acting(BY):
        Post.unscoped.filter(person=person).update(ends_on=clock.today() - timedelta(days=1))
    get(client, "menu")
    assert "view_as" not in client.get("/api/v1/session").json()


def test_whose_eyes_are_not_lent(world: World, as_: Callable[..., Client]) -> None:
    client = as_("security_admin")
    for role in ("audit_admin", "system_admin", "hospital_admin", "inspector", "security_admin"):
        assert begin(client, world.user(role).person).status_code == 409
    assert begin(client, world.user("staff", "yunling").person).status_code == 404
    assert begin(client, world.user("leader").person, "看").status_code == 422
    assert post(client, "rights/view-as", {"person": "x", "reason": REASON}).status_code == 404
    for role in ("hospital_admin", "audit_admin", "inspector"):
        assert begin(as_(role), world.user("leader").person).status_code == 404


def test_a_file_that_the_other_one_sent_in_stays_closed(world: World, as_: Callable[..., Client]) -> None:
    """It hangs on nothing yet and is of class 3: it is its sender's alone."""
    client, doctor = as_("security_admin"), as_("doctor")
    sent = SimpleUploadedFile("说明.txt", "患者甲的说明".encode(), content_type="text/plain")
    answer = doctor.post("/api/v1/h/binjiang/files", {"file": sent})
    assert answer.status_code == 200, answer.content
    path = f"files/{answer.json()['uid']}/content"
    assert get(doctor, path).status_code == 200
    assert get(client, path).status_code == 404
    assert begin(client, world.user("doctor").person).status_code == 200
    assert get(client, path).status_code == 404


def test_samples_of_a_file_to_import_stay_closed(world: World, as_: Callable[..., Client]) -> None:
    """They are raw lines of the hospital's own systems, of class 3 before they land."""
    client, pharmacist = as_("security_admin"), as_("pharmacy")
    text = "处方号,医师,患者\nCF1,DR1,患者甲乙丙\n"
    sent = {
        "dataset": "prescription_lines",
        "file": SimpleUploadedFile("处方.csv", text.encode(), content_type="text/csv"),
    }
    answer = pharmacist.post("/api/v1/h/binjiang/lake/uploads", sent)
    assert answer.status_code == 200 and "患者甲乙丙" in str(answer.json())
    path = f"lake/uploads/{answer.json()['uid']}"
    assert get(pharmacist, path).status_code == 200
    assert begin(client, world.user("pharmacy").person).status_code == 200
    shown = get(client, path)
    assert shown.status_code == 403 and "患者甲乙丙" not in str(shown.json())
