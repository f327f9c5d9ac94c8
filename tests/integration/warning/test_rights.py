"""Who sees which warnings and lines; what may not be seen answers as if it did not exist; who looked is recorded."""

import json

import pytest

from core.audit.models import Event
from core.plugin_host import service
from plugins.warning.models import Warning
from tests.integration.warning.conftest import API, BY
from tests.support.lines import LAST

BONE, HEART = "骨科", "心内科"
LIST = "/resources/warning.warning/rows"
HEAD = "department_head"


@pytest.fixture
def three(house):
    """Warnings about 心内科, 骨科 and a login."""
    house.bring_all(house.set([LAST]), ("items", "doctors", "access_log"))
    house.run("D1_RX_GT5", "D3_AB_LEVEL", "E6_TONGFANG")
    assert Warning.objects.count() == 3
    return house


def ask(house, rule, name):
    values = {"department": str(house.world.department(name).uid)}
    warning = house.only(rule)
    assert house.do("inspector", "assign", warning, values).status_code == 200
    return warning


def test_the_inspector_sees_all_with_persons_the_pharmacy_without(three):
    rows = three.get("inspector", LIST).json()["rows"]
    assert {r["values"]["rule_code"] for r in rows} == {"D1_RX_GT5", "D3_AB_LEVEL", "E6_TONGFANG"}
    person = three.only("D1_RX_GT5").person_label
    assert person and person in {r["values"]["person"] for r in rows}
    hidden = three.get("pharmacy", LIST).json()["rows"]
    assert len(hidden) == 3 and all("person" in r["masked"] and r["values"]["person"] is None for r in hidden)
    for role, shown in (("inspector", True), ("pharmacy", False)):
        page = three.detail(role, three.only("D1_RX_GT5")).json()
        assert (person in json.dumps(page, ensure_ascii=False)) is shown
        subject = next(p for p in page["panels"] if p["id"] == "subject")["items"]
        assert [(i["key"], i["value"], i["masked"]) for i in subject] == [
            ("department", HEART, False),
            ("person", person if shown else None, not shown),
        ]
    filtered = three.get("pharmacy", LIST, where='{"op":"eq","args":[{"field":"person"},{"value":"x"}]}')
    assert filtered.status_code == 422, "filtering by what is hidden would tell it"


def test_a_head_sees_only_what_the_own_department_was_asked(three):
    heart, bone = three.only("D1_RX_GT5"), three.only("D3_AB_LEVEL")
    assert three.get(HEAD, LIST, HEART).json()["rows"] == []
    assert three.detail(HEAD, heart, HEART).status_code == 404, "not before the department is asked"
    ask(three, "D1_RX_GT5", HEART)
    ask(three, "D3_AB_LEVEL", BONE)
    for name, mine, other in ((HEART, heart, bone), (BONE, bone, heart)):
        rows = three.get(HEAD, LIST, name).json()["rows"]
        assert [r["uid"] for r in rows] == [str(mine.uid)]
        assert three.detail(HEAD, mine, name).status_code == 200
        for answer in (
            three.detail(HEAD, other, name),
            three.lines(HEAD, other, name),
            three.do(HEAD, "answer", other, {"note": "x"}, name),
        ):
            assert answer.status_code == 404, answer.content
    assert three.do("inspector", "close", bone, {"outcome": "useful", "note": "x"}).status_code == 409


def test_a_head_reads_only_lines_of_the_own_department(three):
    """A warning about 心内科 that 骨科 was asked about shows no line of 心内科."""
    warning = ask(three, "D1_RX_GT5", BONE)
    assert three.fresh(warning).department_id == three.world.department(BONE).id
    assert len(three.lines("inspector", warning).json()["rows"]) == 7
    assert three.lines(HEAD, warning, BONE).json()["rows"] == []
    assert three.detail(HEAD, warning, HEART).status_code == 404
    second = ask(three, "D3_AB_LEVEL", BONE)
    mine = three.lines(HEAD, second, BONE).json()["rows"]
    assert len(mine) == 1
    assert three.get(HEAD, mine[0]["href"].removeprefix("/h/binjiang"), BONE).status_code == 200
    theirs = three.lines("inspector", warning).json()["rows"][0]
    assert three.get(HEAD, theirs["href"].removeprefix("/h/binjiang"), BONE).status_code == 404


def test_lines_without_a_department_are_for_the_inspector_alone(three):
    warning = three.only("E6_TONGFANG")
    assert [r["values"]["user"] for r in three.lines("inspector", warning).json()["rows"]] == ["cx9", "cx9"]
    assert three.lines("pharmacy", warning).status_code == 404
    for role, tab in (("inspector", True), ("pharmacy", False), ("leader", False)):
        panels = {p["id"] for p in three.detail(role, warning).json()["panels"]}
        assert ("lines" in panels) is tab, "no tab that would answer 404"


def test_others_see_nothing_and_another_hospital_neither(three):
    warning = three.only("D1_RX_GT5")
    for role in ("doctor", "staff", "member"):
        assert three.get(role, LIST).status_code == 404
        assert three.detail(role, warning).status_code == 404
        assert three.lines(role, warning).status_code == 404
    foreign = three.client("inspector", "yunling")
    service.enable("warning", three.world.hospital("yunling"), by=BY)
    for path in (f"{LIST}/{warning.uid}", f"/p/warning/warnings/{warning.uid}/lines"):
        assert foreign.get(API + path).status_code == 404, "no post there"
        assert foreign.get(API.replace("binjiang", "yunling") + path).status_code == 404, "not its warning"
    assert foreign.get(API.replace("binjiang", "yunling") + LIST).json()["rows"] == []
    number = three.lines("inspector", warning).json()["rows"][0]["href"].removeprefix("/h/binjiang")
    assert foreign.get(API.replace("binjiang", "yunling") + number).status_code == 404


def test_disabled_nothing_of_it_answers(three):
    warning = three.only("D1_RX_GT5")
    service.disable("warning", three.hospital, by=BY)
    for path in (
        LIST,
        f"{LIST}/{warning.uid}",
        f"/p/warning/warnings/{warning.uid}/lines",
        "/resources/warning.run/rows",
    ):
        assert three.get("inspector", path).status_code == 404, path
    assert three.do("inspector", "close", warning, {"outcome": "useful", "note": "x"}).status_code == 404
    assert three.get("inspector", "/home").json()["cards"] == []
    assert not any("warning." in entry["href"] for entry in three.get("inspector", "/menu").json())
    service.enable("warning", three.hospital, by=BY)
    assert three.detail("inspector", warning).status_code == 200


def test_each_look_is_recorded_once_and_told(three):
    for rule in ("D1_RX_GT5", "E6_TONGFANG"):  # with and without a person
        warning = three.only(rule)
        three.detail("pharmacy", warning)
        three.detail("inspector", warning)
        three.detail("inspector", warning)
        looks = Event.objects.filter(
            kind="read", subject_type="warning.warning", subject_uid=str(warning.uid)
        )
        assert looks.count() == 3, rule
        page = three.detail("inspector", warning).json()
        seen = next(p for p in page["panels"] if p["id"] == "seen")["items"]
        labels = {r: three.world.principal(r).label for r in ("inspector", "pharmacy")}
        assert [one["label"] for one in seen] == [
            f"{labels['inspector']}　3 次",
            f"{labels['pharmacy']}　1 次",
        ]
        assert "seen" not in {p["id"] for p in three.detail("pharmacy", warning).json()["panels"]}
    before = Event.objects.filter(kind="read").count()
    three.lines("inspector", three.only("D1_RX_GT5"))
    event = Event.objects.filter(kind="read").order_by("-id").first()
    assert Event.objects.filter(kind="read").count() == before + 1
    assert event.subject_type == "warning.lines.prescription_lines"
