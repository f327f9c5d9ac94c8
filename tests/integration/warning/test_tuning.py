"""A hospital's own values: who may set them, what is refused, what a run uses, what a replay uses, what a warning says."""

import datetime as dt

import pytest
from django.core.management import CommandError

from core.kernel import clock
from plugins.warning.domain.catalogue import sync_versions
from plugins.warning.models import Finding, RuleSetting, RuleVersion, Warning, WarningRun
from tests.support.lines import LAST

D1, A2 = "D1_RX_GT5", "A2_CONS_INDEX"


def page(house, code, role="inspector"):
    """The page of the rule's version as it stands."""
    digest = RuleVersion.objects.filter(code=code).order_by("-id").first().digest
    answer = house.get(role, f"/resources/warning.rule/rows/{digest}")
    assert answer.status_code == 200, answer.content
    return answer.json()


def do(house, code, verb, values, role="inspector", version=None):
    """A command on the rule; the response."""
    row = page(house, code)["row"]
    body = {"uid": row["uid"], "expected_version": version or row["version"], "values": values}
    return house.post(role, f"/resources/warning.rule/commands/{verb}", body)


def panel(found, key):
    return next((p for p in found["panels"] if p["id"] == key), None)


def test_the_inspector_sets_a_value_and_the_next_run_uses_it(small):
    small.run(D1)
    before = {f.subject["rx"] for f in Finding.objects.filter(rule__code=D1)}
    t1 = clock.now().isoformat()
    small.cli("run", "--as-of", t1, "--rules", D1)
    replay = small.cli_text("list", "--as-of", t1, "--json")
    found = page(small, D1)
    (field, reason) = next(a for a in found["actions"] if a["verb"] == "tune")["form"]["fields"]
    assert (field["key"], field["value"], reason["required"]) == ("own_most", "5", True)
    assert field["label"] == "单张处方药品种数上限（种）" and "默认 5；允许：1 至 50，整数" in field["help"]

    said = do(small, D1, "tune", {"own_most": "4", "reason": "药事会 6 月决议"})
    assert said.status_code == 200, said.content
    small.run(D1)
    newest = WarningRun.objects.first()
    assert newest.parameters["own"][D1]["values"] == {"most": 4}
    after = {f.subject["rx"]: f for f in Finding.objects.filter(run=newest)}
    assert set(after) == before
    one = next(iter(after.values()))
    assert one.threshold == "4" and one.detail["parameters"]["most"] == 4

    small.cli("run", "--as-of", t1, "--rules", D1)
    assert small.cli_text("list", "--as-of", t1, "--json") == replay, "a replay uses the value of its time"

    warning = Warning.objects.filter(rule_code=D1).first()
    facts = panel(small.detail("inspector", warning).json(), "facts")["items"]
    limit = next(item for item in facts if item["label"] == "界限")
    assert limit["value"] == "4" and limit["hint"] == "本院数值：单张处方药品种数上限 4种（默认 5）"

    found = page(small, D1, "pharmacy")
    (row,) = panel(found, "parameters")["rows"]
    assert row["values"] == {
        "label": "单张处方药品种数上限", "mine": "4", "default": "5", "unit": "种", "allowed": "1 至 50，整数",
    }  # fmt: skip
    (entry,) = panel(found, "history")["rows"]
    assert (
        entry["values"]["what"] == "单张处方药品种数上限：5 → 4"
        and entry["values"]["why"] == "药事会 6 月决议"
    )

    assert do(small, D1, "tune", {"own_most": "50", "reason": "试行"}).status_code == 200
    assert small.run(D1).found == 0, "a higher limit finds nothing"
    assert do(small, D1, "reset", {"reason": "试行结束"}).status_code == 200
    small.run(D1)
    newest = WarningRun.objects.first()
    assert {f.subject["rx"] for f in Finding.objects.filter(run=newest)} == before
    assert [s.number for s in RuleSetting.objects.order_by("number")] == [1, 2, 3], "the history stays"
    assert not [a for a in page(small, D1)["actions"] if a["verb"] == "reset"], "nothing to take back"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"own_most": "0"}, "单张处方药品种数上限：不能小于 1，现在是 0"),
        ({"own_most": "51"}, "单张处方药品种数上限：不能大于 50，现在是 51"),
        ({"own_most": "2.5"}, "单张处方药品种数上限：应为整数，现在是 2.5"),
        ({"own_most": "许多"}, "单张处方药品种数上限（种）：不是数值"),
        ({"own_most": ""}, "单张处方药品种数上限（种）：必须填写"),
        ({"own_most": "3", "reason": ""}, "理由：必须填写"),
        ({"own_most": "5"}, "没有改动任何数值"),
    ],
)
def test_what_is_refused(house, values, said):
    sync_versions()
    answer = do(house, D1, "tune", {"reason": "试", **values})
    assert answer.status_code in (409, 422) and said in answer.content.decode(), answer.content
    assert not RuleSetting.objects.exists()


def test_others_may_look_but_not_set_and_a_stale_page_is_a_conflict(house):
    sync_versions()
    for role in ("pharmacy", "hospital_admin", "ethics_office"):
        assert do(house, D1, "tune", {"own_most": "3", "reason": "试"}, role).status_code == 403
        assert not page(house, D1, role)["actions"]
    assert do(house, D1, "tune", {"own_most": "3", "reason": "试"}).status_code == 200
    stale = do(house, D1, "tune", {"own_most": "4", "reason": "试"}, version=1)
    assert stale.status_code == 409
    assert stale.json()["data"]["fields"] == [
        {"key": "own_most", "label": "单张处方药品种数上限（种）", "current": "3", "yours": "4"}
    ]
    assert page(house, "D3_AB_LEVEL")["actions"] == [], "a rule without values offers nothing"


def test_a_department_has_its_own_control_index(small):
    small.run(A2)
    assert Finding.objects.get(rule__code=A2, subject__department="骨科").detail["own"] == []
    department = small.world.sites["binjiang"].departments["骨科"]
    values = {"department": str(department.uid), "parameter": "target", "value": "1", "reason": "年度目标"}
    said = do(small, A2, "tune_department", values)
    assert said.status_code == 200, said.content
    run = small.run(A2)
    (one,) = Finding.objects.filter(run=run, subject__department="骨科")
    assert one.threshold in ("1", "1.2"), "not the catalogue's 30"
    assert [(o["name"], o["of"], o["limit"]) for o in one.detail["own"]] == [("target", "department", True)]
    (row,) = panel(page(small, A2), "departments")["rows"]
    assert row["values"]["department"] == "骨科" and row["values"]["value"] == "1 元/百元"
    gone = do(small, A2, "tune_department", values | {"value": ""})
    assert gone.status_code == 200 and panel(page(small, A2), "departments") is None


def test_cool_down_keeps_the_finding_and_opens_nothing(house):
    made = house.set()
    house.bring_all(made)
    months = sorted({r["date"][:7] for r in made.tables["prescription_lines"]})
    house.run("B1_ITEM_GROWTH", months=months[:-1])
    house.run("B1_ITEM_GROWTH")
    growth = house.only("B1_ITEM_GROWTH", item="G01")
    assert growth.period == LAST
    Warning.objects.filter(pk=growth.pk).update(period=months[-2])  # closed before the last month was in
    closed = house.do("inspector", "close", growth, {"outcome": "explained", "note": "季节用量"})
    assert closed.status_code == 200, closed.content
    run = house.run("B1_ITEM_GROWTH")
    assert run.opened == 0 and Finding.objects.filter(run=run, subject__item="G01", period=LAST).exists()
    gap = run.gaps.get(code__contains="cool_down")
    assert gap.subject_key == growth.subject_key and "冷却期内" in gap.reason and "3 个月" in gap.reason
    after = panel(house.detail("inspector", growth).json(), "after")
    assert "冷却期内" in after["title"] and [r["values"]["period"] for r in after["rows"]] == [LAST]
    with clock.turned(clock.now() + dt.timedelta(days=95)):
        assert house.run("B1_ITEM_GROWTH").opened == 1
    assert panel(house.detail("inspector", growth).json(), "after") is None


def test_list_is_whole_after_a_run_of_one_rule(small):
    whole = small.cli("run", "--rules", "D1_RX_GT5,E1_PRICE_GAP,E6_TONGFANG")
    everything = small.cli("list")
    part = small.cli("run", "--rules", D1)
    assert small.cli("list") == everything
    assert {row["rule"] for row in small.cli("list", "--run", part["run"])} == {D1}
    assert small.cli("list", "--run", whole["run"]) == everything
    key = next(row["key"] for row in everything if row["rule"] == "E1_PRICE_GAP")
    assert small.cli("explain", key)["key"] == key
    with pytest.raises(CommandError, match="没有编号为"):
        small.cli("list", "--run", "nothing")
