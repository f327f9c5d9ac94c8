"""What a run stores, and what becomes of warnings over repeated runs."""

import datetime as dt

import pytest
from django.core.management.base import CommandError

from core.jobs.domain import submit
from core.jobs.testing import run_pending
from core.kernel import clock
from core.kernel.context import acting
from core.kernel.errors import Problem
from core.org.models import Post
from plugins.warning.domain import evaluate
from plugins.warning.models import Finding, NotEvaluated, Warning, WarningRun
from tests.integration.warning.conftest import BY
from tests.support.lines import LAST, MONTHS, PLAIN

NEXT = "2025-04"


def test_findings_and_warnings_are_stored_and_stay_one_over_repeated_runs(small):
    row = small.run("D1_RX_GT5", "D4_SEX_LIMIT")
    assert (row.state, row.found, row.opened, row.months) == ("done", 2, 2, [LAST])
    assert {f.rule.code for f in Finding.objects.select_related("rule")} == {"D1_RX_GT5", "D4_SEX_LIMIT"}
    first = small.only("D1_RX_GT5")
    assert first.subject_key == f"department=心内科|doctor={small.doctors['心0']}|rx=RX-D1"
    assert first.subject_label == f"心内科 · 医师 {small.doctors['心0']} · 处方 RX-D1"
    assert first.title == f"{first.subject_label}：{first.finding.rule.title}"
    assert (first.level, first.period) == ("yellow", LAST)
    assert first.department_id == small.world.department("心内科").id
    assert first.person_label == Post.unscoped.get(source_code=small.doctors["心0"]).person.name
    again = small.run("D1_RX_GT5", "D4_SEX_LIMIT")
    assert (again.found, again.opened) == (2, 0)
    assert Warning.objects.count() == 2
    assert Finding.objects.count() == 4, "findings are never overwritten"
    later = small.fresh(first)
    assert later.finding.run_id == again.id
    assert later.version == first.version, "nothing new was found: a page open meanwhile stays good"


def test_an_open_warning_moves_on_to_its_latest_finding(small):
    small.run("E1_PRICE_GAP")
    first = small.only("E1_PRICE_GAP")
    made = small.set([LAST])
    count = len(made.tables["prescription_lines"])
    made.add("RX-E1-4", NEXT, 3, "心0", "X5", "P01", 5, price=12.0)
    small.bring_lines(made.tables["prescription_lines"][count:])
    small.run("E1_PRICE_GAP")
    moved = small.only("E1_PRICE_GAP")
    assert moved.pk == first.pk
    assert (moved.first_period, moved.period) == (LAST, NEXT)
    assert (moved.finding.value, moved.level) == ("20", "orange"), "the highest level of its periods stays"
    assert moved.version == first.version + 1


def test_a_closed_warning_stays_closed_and_a_later_period_opens_a_new_one(small):
    small.run("E1_PRICE_GAP")
    first = small.only("E1_PRICE_GAP")
    done = small.do("inspector", "close", first, {"outcome": "useful", "note": "已核实采购记录。"})
    assert done.status_code == 200, done.content
    assert small.run("E1_PRICE_GAP").opened == 0, "the closed one covers its periods"
    assert small.fresh(first).flow.state == "closed"
    made = small.set([LAST])
    count = len(made.tables["prescription_lines"])
    made.add("RX-E1-4", NEXT, 3, "心0", "X5", "P01", 5, price=12.0)
    small.bring_lines(made.tables["prescription_lines"][count:])
    with clock.turned(clock.now() + dt.timedelta(days=125)):  # the rule's cool-down is over
        assert small.run("E1_PRICE_GAP").opened == 1
    old, new = Warning.objects.select_related("flow", "finding").order_by("id")
    assert (old.pk, old.flow.state, old.period, old.outcome) == (first.pk, "closed", LAST, "useful")
    assert (new.flow.state, new.first_period, new.period, new.finding.value) == ("open", NEXT, NEXT, "20")
    assert small.run("E1_PRICE_GAP").opened == 0
    assert Warning.objects.count() == 2


def test_what_could_not_be_evaluated_is_stored_and_shown_with_its_reason(house):
    made = house.set([LAST])
    house.bring_all(made, ("items", "doctors", "patients", "departments", "dept_month"))
    row = house.run("A2_CONS_INDEX", "C1_COST_PER_RX", "E6_TONGFANG", "B1_ITEM_GROWTH")
    assert row.unevaluated == NotEvaluated.objects.count() > 0
    gaps = {(g.rule_code, g.code.rsplit(".", 1)[1]): g for g in NotEvaluated.objects.all()}
    target = gaps["A2_CONS_INDEX", "no_target"]
    assert (target.subject_label, target.periods) == ("心内科", LAST)
    assert ("C1_COST_PER_RX", "few_peers") in gaps
    assert ("B1_ITEM_GROWTH", "history") in gaps
    assert any(rule == "E6_TONGFANG" for rule, _ in gaps), "without a query log the rule does not stay silent"
    assert all(gap.reason.endswith("。") for gap in gaps.values())
    page = house.get("pharmacy", "/resources/warning.unevaluated/rows", limit=200).json()
    shown = {(r["values"]["rule_code"], r["values"]["reason"]) for r in page["rows"]}
    assert shown == {(g.rule_code, g.reason) for g in NotEvaluated.objects.all()}


def test_a_rule_that_raises_is_not_evaluated_and_the_others_still_run(small, monkeypatch):
    real = evaluate.measure_sql

    def broken(rule, *rest):
        if rule.code == "D1_RX_GT5":
            raise ZeroDivisionError("planted")
        return real(rule, *rest)

    monkeypatch.setattr(evaluate, "measure_sql", broken)
    row = small.run("D1_RX_GT5", "D4_SEX_LIMIT")
    assert (row.state, row.found) == ("done", 1)
    gap = NotEvaluated.objects.get()
    assert (gap.rule_code, gap.code) == ("D1_RX_GT5", "D1_RX_GT5.x.error")
    assert "规则运行出错" in gap.reason and "planted" not in gap.reason


def test_a_cancelled_job_stores_nothing(small):
    from core.jobs.domain import JobContext

    real, seen = JobContext.check_cancelled, []

    def second_time(self):
        seen.append(1)
        if len(seen) == 2:
            from core.jobs.domain import Cancelled

            raise Cancelled
        return real(self)

    JobContext.check_cancelled = second_time
    try:
        with acting(BY):
            submit("warning.run", {"rules": ["D1_RX_GT5", "D4_SEX_LIMIT"]}, by=BY, hospital=small.hospital)
        (job,) = [j for j in run_pending() if j.kind == "warning.run"]
    finally:
        JobContext.check_cancelled = real
    assert job.state == "cancelled"
    assert WarningRun.objects.get().state == "failed"
    assert not (Finding.objects.exists() or Warning.objects.exists() or NotEvaluated.objects.exists())


def test_a_run_that_is_told_to_stop_stores_nothing(small):
    with pytest.raises(Problem) as caught:
        small.run("D1_RX_GT5", stopped=lambda: True)
    assert caught.value.detail == "已按您的要求停止，本次结果没有保存。"
    row = WarningRun.objects.get()
    assert (row.state, row.found, row.finished_at is not None) == ("failed", 0, True)
    assert not Finding.objects.exists()


def test_a_try_that_was_killed_does_not_read_as_running_for_ever(small):
    with acting(BY):
        job = submit("warning.run", {"rules": ["D1_RX_GT5"]}, by=BY, hospital=small.hospital)
        now = clock.now()
        left = {"as_of": now, "started_at": now, "requested_by": "x", "parameters": {"job": str(job.uid)}}
        killed = WarningRun.unscoped.create(hospital=small.hospital, **left)
        other = WarningRun.unscoped.create(
            hospital=small.hospital, **left | {"parameters": {"job": "another"}}
        )
    run_pending()
    states = dict(WarningRun.unscoped.values_list("id", "state"))
    assert (states.pop(killed.id), states.pop(other.id), *states.values()) == ("failed", "running", "done")


def test_the_job_says_what_it_found(small):
    answer = small.post("pharmacy", "/resources/warning.run/commands/start", {"values": {}})
    assert answer.status_code == 200, answer.content
    run_pending()
    job = small.get("pharmacy", f"/jobs/{answer.json()['job']}").json()
    row = WarningRun.objects.get()
    assert job["state"] == "done" and job["result"]["found"] == row.found > 5
    assert (
        job["result"]["message"]
        == f"计算完成：{row.rules} 条规则，发现 {row.found} 处，新发出 {row.opened} 条预警。"
    )
    assert row.rules >= 15
    shown = small.get("inspector", "/resources/warning.run/rows").json()["rows"]
    assert [(r["values"]["found"], r["values"]["state"]) for r in shown] == [(row.found, "done")]


def test_without_data_or_with_a_wrong_name_the_answer_is_a_sentence(house):
    for arguments, said in (
        (("run",), "还没有可以计算的数据。请先导入处方明细等数据，再运行规则。"),
        (("run", "--rules", "Z9_NONE"), "没有这些规则：Z9_NONE。"),
        (("run", "--as-of", "2025-01-01"), "没有时区"),
        (("run", "--as-of", "昨天"), "不是时间"),
        (("run", "--as-of", "2099-01-01T00:00:00+08:00"), "不能晚于现在"),
        (("list",), "还没有这个时点的计算结果"),
    ):
        with pytest.raises(CommandError, match=said):
            house.cli_text(*arguments)
    assert not WarningRun.objects.exists()


def test_split_into_many_imports_the_findings_are_the_same(house):
    rules = ["D1_RX_GT5", "D4_SEX_LIMIT", "D8_REPEAT_7D", "C1_COST_PER_RX", "E1_PRICE_GAP"]
    made = house.set(MONTHS[-2:])
    house.bring_all(made)
    house.run(*rules)
    whole = _plain(house)
    assert len(whole) >= 5
    rows = made.tables["prescription_lines"]
    house.bring_lines(rows[:1], mode="replace_months")  # empties the last but one month of everything else
    house.bring_lines([r for r in rows if r["date"].startswith(LAST)][:1], mode="replace_months")
    for n in reversed(range(30)):
        house.bring_lines(rows[n::30])
    assert house.run(*rules).opened == 0
    assert _plain(house) == whole


def _plain(house):
    """All of a run's findings but the evidence, whose row keys stay and whose internal numbers too."""
    return house.cli("list")


def test_no_subject_is_named_by_a_bare_code(house):
    house.bring_all(house.set([LAST]))
    house.run("A4_AB_RATE", "D14_SPLIT_RX", "E4_REP_UNREGISTERED", "E6_TONGFANG", "E1_PRICE_GAP")
    said = {w.rule_code: w.subject_label for w in Warning.objects.all()}
    assert said["A4_AB_RATE"] == "门诊"
    assert said["E1_PRICE_GAP"] == "示例品种P01"
    assert said["E4_REP_UNREGISTERED"] == "医药代表 代表1" and said["E6_TONGFANG"] == "账号 cx9"
    assert said["D14_SPLIT_RX"].startswith("骨科 · 医师 骨6 · 患者 ")
    assert PLAIN[1] not in said["D14_SPLIT_RX"]
