"""The replay as of a past instant is byte-equal, whatever was imported since; the old warning opens the old rows."""

import datetime as dt
import json
import re

from core.kernel import clock
from plugins.warning.models import Warning, WarningRun
from tests.support.lines import LAST

RULES = "B1_ITEM_GROWTH,D1_RX_GT5,D4_SEX_LIMIT,C1_COST_PER_RX,B4_CONS_RATIO,A3_AUD,E6_TONGFANG"
LIVE = ("B1_ITEM_GROWTH", "D1_RX_GT5")


def test_a_replay_is_byte_equal_and_now_differs_exactly_where_lines_changed(house):
    made = house.set()
    house.bring_all(made)
    house.run(*LIVE)
    growth = house.only("B1_ITEM_GROWTH", item="G01")
    old_rows = house.all_lines("inspector", growth)
    t1 = clock.now().isoformat()

    assert house.cli("run", "--as-of", t1, "--rules", RULES)["opened"] == 0, "a replay opens nothing"
    first = house.cli_text("list", "--as-of", t1, "--json")
    warnings = list(Warning.objects.order_by("id").values("id", "version", "period", "finding_id"))

    _correct(house, made)
    assert house.cli("run", "--as-of", t1, "--rules", RULES)["opened"] == 0
    assert WarningRun.objects.filter(live=False, as_of=t1).count() == 2
    assert house.cli_text("list", "--as-of", t1, "--json") == first
    assert warnings == list(Warning.objects.order_by("id").values("id", "version", "period", "finding_id"))

    t2 = clock.now().isoformat()
    house.cli("run", "--as-of", t2, "--rules", RULES)
    before, after = (
        {row["key"]: row for row in found} for found in (json.loads(first), house.cli("list", "--as-of", t2))
    )
    assert {key for key in before | after if before.get(key) != after.get(key)} == {
        f"B1_ITEM_GROWTH:item=G01:{LAST}",
        f"D1_RX_GT5:department=心内科|doctor={house.doctors['心0']}|rx=RX-D1:{LAST}",
        f"D4_SEX_LIMIT:department=心内科|doctor={house.doctors['心0']}|rx=RX-D4B:{LAST}",
    }
    gone, new = set(before) - set(after), set(after) - set(before)
    assert [key.split("rx=")[1] for key in (*gone, *new)] == [f"RX-D1:{LAST}", f"RX-D4B:{LAST}"]
    assert float(after[f"B1_ITEM_GROWTH:item=G01:{LAST}"]["value"]) == 48_000 - 4 * 10 * 50

    assert house.all_lines("inspector", growth) == old_rows, "the old warning still opens the old rows"
    changed = {f"G{LAST}-{j}" for j in range(4)}
    mine = [row for row in old_rows if row["values"]["rx"] in changed]
    assert [row["values"]["qty"] for row in mine] == ["30.00000"] * 4
    for row in mine:
        source = house.get("inspector", row["href"].removeprefix("/h/binjiang"))
        assert source.status_code == 200, source.content
        assert source.json()["file"].startswith("prescription_lines")
        assert {c["name"]: c["value"] for c in source.json()["columns"]}["qty"] == "30"

    house.run(*LIVE)
    moved = house.fresh(growth)
    assert float(moved.finding.value) == 46_000
    now = [row for row in house.all_lines("inspector", moved) if row["values"]["rx"] in changed]
    assert [row["values"]["qty"] for row in now] == ["20.00000"] * 4
    assert house.only("D1_RX_GT5").finding.run.as_of < moved.finding.run.as_of, (
        "no longer found: it keeps its finding"
    )


def test_the_list_holds_nothing_of_the_run_itself(small):
    row = small.run("D1_RX_GT5", "E1_PRICE_GAP", "E6_TONGFANG", "E4_REP_UNREGISTERED")
    text = small.cli_text("list", "--json")
    found = json.loads(text)
    assert [r["key"] for r in found] == sorted(r["key"] for r in found)
    assert text == json.dumps(found, ensure_ascii=False, sort_keys=True) + "\n"
    assert str(row.uid) not in text
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-", text), "no uid of any kind"
    today = clock.today("Asia/Shanghai")
    for day in (today, today - dt.timedelta(days=1)):
        assert day.isoformat() not in text
    assert not {"id", "uid", "run", "as_of", "started_at", "opened_at"} & {key for r in found for key in r}
    for r in found:
        for name in ("value", "threshold", "numerator", "denominator"):
            assert r[name] is None or isinstance(r[name], str)
    printed = small.cli_text("list")
    assert printed.endswith(f"共 {len(found)} 条。\n") and found[0]["key"] in printed


def _correct(house, made):
    """Four G01 lines from 30 to 20, two lines of RX-D1 returned, one new line on a prescription of its own: all in 心内科."""
    rows = [r for r in made.tables["prescription_lines"] if r["date"].startswith(LAST)]
    changed = [dict(r) for r in rows if r["rx"] in {f"G{LAST}-{j}" for j in range(4)}]
    for row in changed:
        row["qty"], row["amount"] = 20, f"{20 * row['price']:.2f}"
    back = [dict(r) for r in rows if r["rx"] == "RX-D1"][:2]
    for row in back:
        row["original_key"], row["source_key"] = row["source_key"], row["source_key"] + "R"
        row["qty"], row["amount"] = -row["qty"], f"-{row['amount']}"
    (new,) = (dict(r) for r in rows if r["rx"] == "RX-D4")
    new["rx"], new["source_key"] = "RX-D4B", "L-new"
    done = house.bring_lines([*changed, *back, new])
    assert [m["month"] for m in done.months] == [LAST]
