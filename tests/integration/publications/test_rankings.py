"""The quarterly tables against a recomputation from the CSV rows in pandas, and how they are frozen on the site."""

import json
from decimal import ROUND_HALF_UP, Decimal

import pandas as pd
import pytest

from core.publications.models import Snapshot
from plugins.warning import rankings as declared
from plugins.warning.domain import rankings
from tests.integration.publications.conftest import BACK, DEPARTMENTS, NO_DOSE, QUARTERS, RARE, TWINS, panel


def _net(rows):
    """Lines with their returns taken off, in the month of the line; what is wholly returned is gone."""
    frame = pd.DataFrame(rows)
    for name in ("qty", "amount"):
        frame[name] = frame[name].map(Decimal)
    known = set(frame.source_key)
    back = frame[(frame.qty < 0) & frame.original_key.isin(known)]
    off = back.groupby("original_key")[["qty", "amount"]].sum()
    frame = frame[~frame.source_key.isin(set(back.source_key))].set_index("source_key")
    for name in ("qty", "amount"):
        frame[name] = frame[name] + off[name].reindex(frame.index).map(
            lambda v: v if isinstance(v, Decimal) else Decimal(0)
        )
    frame = frame[(frame.qty != 0) & (frame.kind == "drug")].copy()
    frame["month"] = frame.date.str[:7]
    return frame


def _two(value):
    return f"{Decimal(value).quantize(Decimal('0.01'), ROUND_HALF_UP):f}"


def _order(table, figure, least):
    fit = table[(table[figure] > 0) & (table.rx >= least)].reset_index()
    key = fit.columns[0]
    fit["down"] = fit[figure].map(lambda v: -v)
    return list(fit.sort_values(["down", key])[key])


def _by_item(bench, quarter):
    frame = _net(bench.rows)
    frame = frame[frame.month.isin(QUARTERS[quarter])].copy()
    doses = {row["item"]: Decimal(row["ddd_per_unit"]) for row in bench.items if row["ddd_per_unit"]}
    frame["dose"] = [
        q * doses[i] if i in doses else Decimal(0) for q, i in zip(frame.qty, frame.item, strict=True)
    ]
    table = frame.groupby("item").agg(
        amount=("amount", "sum"),
        dose=("dose", "sum"),
        departments=("department", "nunique"),
        rx=("rx", "nunique"),
    )
    return table, frame.rx.nunique()


@pytest.mark.parametrize(("kind", "figure"), [("top20_drugs", "amount"), ("top20_drugs_ddd", "dose")])
def test_the_drugs_are_those_that_pandas_finds(bench, kind, figure):
    snapshot = bench.freeze(kind)
    table, n = _by_item(bench, "2024-Q4")
    past, _ = _by_item(bench, "2024-Q3")
    if figure == "dose":
        table, past = (one[~one.index.isin(NO_DOSE)] for one in (table, past))
    order, before = _order(table, figure, 10), _order(past, figure, 10)
    total = sum(table[figure], Decimal(0))
    shown = panel(bench.page(snapshot).json(), "rows")["rows"]
    assert len(shown) == 20 and snapshot.n == n
    for place, (row, item) in enumerate(zip(shown, order, strict=False), start=1):
        own, last = table.loc[item], before.index(item) + 1 if item in before else None
        moved = None if last is None else last - place
        assert row == {
            "rank": place,
            "item": f"示例药品{item[1:]}",
            "departments": own.departments,
            "rx": own.rx,
            "amount": _two(own.amount),
            "ddds": None if item in NO_DOSE else _two(own.dose),
            "share": _two(own[figure] * 100 / total),
            "last_rank": last,
            "change": "新进"
            if moved is None
            else f"升 {moved}"
            if moved > 0
            else f"降 {-moved}"
            if moved
            else "持平",
        }
    names = [row["item"] for row in shown]
    assert not {f"示例药品{code[1:]}" for code in (RARE, BACK)} & set(names)


def test_equal_amounts_stand_by_code(bench):
    shown = panel(bench.page(bench.freeze()).json(), "rows")["rows"]
    first, second = (next(r for r in shown if r["item"] == f"示例药品{code[1:]}") for code in TWINS)
    assert first["amount"] == second["amount"] and second["rank"] == first["rank"] + 1


def test_the_doctors_stand_masked_beside_their_department(bench):
    snapshot = bench.freeze("top20_doctors")
    frame = _net(bench.rows)
    frame = frame[frame.month.isin(QUARTERS["2024-Q4"])]
    table = frame.groupby("doctor").agg(amount=("amount", "sum"), rx=("rx", "nunique"))
    home = {code: name for name, codes in bench.staff.items() for code in codes}
    order = _order(table, "amount", 30)
    shown = panel(bench.page(snapshot).json(), "rows")["rows"]
    assert len(shown) == min(20, len(order)) and order
    names = _names(bench)
    for row, code in zip(shown, order, strict=False):
        peers = sorted(a for d, a in table.amount.items() if home[d] == home[code] and a > 0)
        middle = len(peers) // 2
        median = peers[middle] if len(peers) % 2 else (peers[middle - 1] + peers[middle]) / 2
        assert row["amount"] == _two(table.loc[code].amount) and row["rx"] == table.loc[code].rx
        assert row["department"] == home[code] in DEPARTMENTS
        assert (row["peers"], row["median"]) == (len(peers), _two(median))
        assert row["doctor"] == (f"{names[code][0]}**" if code in names else "医师")
        assert row["statement"] == ""
    whole = json.dumps(bench.page(snapshot).json(), ensure_ascii=False)
    assert any(code in names for code in order) and not any(name in whole for name in names.values())
    assert not any(code in whole for code in order)
    assert snapshot.audience == "internal" and "姓名已隐去" in snapshot.note


def test_doctors_by_daily_doses_are_those_that_pandas_finds(bench):
    snapshot = bench.freeze("top20_doctors_ddd")
    doses = {row["item"]: Decimal(row["ddd_per_unit"]) for row in bench.items if row["ddd_per_unit"]}
    frame = _net(bench.rows)
    frame = frame[frame.month.isin(QUARTERS["2024-Q4"])].copy()
    frame["dose"] = [q * doses.get(i, 0) for q, i in zip(frame.qty, frame.item, strict=True)]
    table = frame.groupby("doctor").agg(dose=("dose", "sum"), rx=("rx", "nunique"))
    home = {code: name for name, codes in bench.staff.items() for code in codes}
    order = _order(table, "dose", 30)
    shown = panel(bench.page(snapshot).json(), "rows")["rows"]
    assert order and [row["ddds"] for row in shown] == [_two(table.loc[code].dose) for code in order[:20]]
    for row, code in zip(shown, order, strict=False):
        peers = sorted(dose for doctor, dose in table.dose.items() if home[doctor] == home[code] and dose > 0)
        assert row["peers"] == len(peers) and row["median"] == _two(_median(peers))
        assert row["department"] == home[code]
    assert snapshot.audience == "internal" and "限定日剂量的药品占全部金额的" in snapshot.note


def _median(values):
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2


def test_names_are_shown_once_the_hospital_has_recorded_the_rule(bench):
    first = bench.freeze("top20_doctors")
    code = next(iter(_names(bench)))
    done = bench.post(
        "pharmacy", "/resources/warning.disclosure/commands/names", {"values": {"show": "show", "basis": "x"}}
    )
    assert done.status_code == 404
    empty = bench.post(
        "inspector",
        "/resources/warning.disclosure/commands/names",
        {"values": {"show": "show", "basis": " "}},
    )
    assert empty.status_code == 422
    rule = {"show": "show", "basis": "《处方点评公示办法》（院发〔2024〕8号）第六条"}
    assert (
        bench.post("inspector", "/resources/warning.disclosure/commands/names", {"values": rule}).status_code
        == 200
    )
    said = {"quarter": "2024-Q4", "doctor": code, "text": "本季度承担会诊，收治重症较多。"}
    assert (
        bench.post(
            "ethics_office", "/resources/warning.disclosure/commands/statement", {"values": said}
        ).status_code
        == 200
    )
    wrong = bench.post(
        "inspector", "/resources/warning.disclosure/commands/statement", {"values": said | {"doctor": "没有"}}
    )
    assert wrong.status_code == 422 and "工号" in wrong.json()["detail"]
    before = bench.page(first).json()
    second = bench.freeze("top20_doctors", reason="登记了公示规定和医师说明")
    rows = {row["doctor"]: row for row in panel(bench.page(second).json(), "rows")["rows"]}
    assert second.version == 2 and rule["basis"] in second.note
    assert rows[_names(bench)[code]]["statement"] == said["text"]
    assert panel(bench.page(first).json(), "rows") == panel(before, "rows")
    entries = bench.get("inspector", "/resources/warning.disclosure/rows").json()["rows"]
    assert {row["label"] for row in entries} == {rule["basis"], said["text"]}
    leader = bench.get("leader", "/resources/warning.disclosure/rows").json()["rows"]
    assert all(row["values"]["doctor"] is None for row in leader)


def test_freezing_again_without_a_change_keeps_the_version(bench):
    first = bench.freeze()
    again = bench.ask_freeze(reason="多按了一次")
    assert again["state"] == "done" and again["result"]["new"] is False
    assert "没有变化" in again["result"]["message"]
    assert Snapshot.unscoped.get().pk == first.pk


def test_a_correction_needs_a_reason_and_shows_both_versions(bench):
    first = bench.freeze()
    more = next(
        row
        for row in bench.rows
        if row["item"] == "Y20" and row["date"] > "2024-10" and Decimal(row["qty"]) > 0
    )
    bench.bring_lines([more | {"qty": "900", "amount": f"{900 * Decimal(more['price'])}"}])
    refused = bench.ask_freeze()
    assert refused["state"] == "failed" and "更正原因" in refused["error"]["detail"]
    assert Snapshot.unscoped.count() == 1
    second = bench.freeze(reason="药学部补正了 Y20 的数量")
    assert (second.version, second.replaces_id) == (2, first.pk)
    for one, other in ((first, second), (second, first)):
        page = bench.page(one).json()
        versions = panel(page, "versions")["items"]
        assert [item["label"] for item in versions] == ["第 2 版（在用）", "第 1 版（已更正）"]
        assert [item["href"] for item in versions if item["href"]] == [
            f"/h/binjiang/r/publications.snapshot/{other.uid}"
        ]
        assert "药学部补正了 Y20 的数量" in versions[0]["hint"]
    assert "已被更正" in panel(bench.page(first).json(), "say")["text"]
    listed = bench.get("inspector", "/resources/warning.ranking/rows").json()["rows"]
    assert [(row["values"]["number"], row["values"]["standing"]) for row in listed] == [
        (2, "current"),
        (1, "corrected"),
    ]
    assert listed[0]["href"] == f"/h/binjiang/r/publications.snapshot/{second.uid}"


def test_a_quarter_without_whole_data_is_not_offered_and_refused(bench):
    form = bench.get("inspector", "/resources/warning.ranking").json()["actions"][0]["form"]
    offered = next(field["choices"] for field in form["fields"] if field["key"] == "quarter")
    assert [choice["value"] for choice in offered] == ["2024-Q4", "2024-Q3"]
    sent = {"quarter": "2024-Q2", "kind": "top20_drugs"}
    answer = bench.post("inspector", "/resources/warning.ranking/commands/freeze", {"values": sent})
    assert answer.status_code == 422
    first = bench.freeze(quarter="2024-Q3")
    assert "不列名次变化" in first.note
    assert {row["change"] for row in json.loads(first.rows)} == {""}


def test_who_may_not_freeze_is_refused(bench):
    sent = {"values": {"quarter": "2024-Q4", "kind": "top20_drugs"}}
    path = "/resources/warning.ranking/commands/freeze"
    assert {
        role: bench.post(role, path, sent).status_code for role in ("pharmacy", "leader", "staff", "doctor")
    } == {
        "pharmacy": 403,
        "leader": 403,
        "staff": 404,
        "doctor": 404,
    }
    assert not Snapshot.unscoped.exists()


def test_the_command_line_freezes_and_lists(bench):
    made = bench.cli("ranking", "freeze", "--quarter", "2024q4", "--kind", "top20_doctors")
    assert made["new"] is True and made["version"] == 1
    assert bench.cli("ranking", "freeze", "--quarter", "2024-Q4", "--kind", "top20_doctors")["new"] is False
    [listed] = bench.cli("ranking", "list")
    assert listed["snapshot"] == made["snapshot"] and listed["verified"] and listed["current"]
    assert "医师" in bench.cli_text("ranking", "list")


def test_the_form_offers_the_kinds_that_are_computed():
    assert set(declared.KINDS) == set(rankings.KINDS) == set(rankings.METHODS)
    assert all(declared.KINDS[kind].startswith(title) for kind, title in rankings.KINDS.items())


def _names(bench):
    """Doctor's code → name, of those with a post."""
    from core.org.models import Post

    codes = [code for codes in bench.staff.values() for code in codes]
    return dict(
        Post.unscoped.filter(hospital=bench.hospital, source_code__in=codes).values_list(
            "source_code", "person__name"
        )
    )
