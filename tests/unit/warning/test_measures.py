"""The three NHS measures per practice and month, against pandas, on real rows (credit in data/SOURCE.txt)."""

from pathlib import Path

import ibis
import pandas as pd
import pytest

from plugins.warning.domain.compile import Missing
from plugins.warning.domain.measures import compile_measure, load_measure, load_measures
from plugins.warning.domain.rules import RuleError

DATA = Path(__file__).parent / "data"
FOLDER = Path(__file__).parents[3] / "plugins" / "warning" / "declarations" / "measures"
MEASURES = {m.code: m for m in load_measures(FOLDER)}
MONTHS = ["2017-09", "2017-10"]


@pytest.fixture(scope="module")
def nhs():
    rows = pd.read_csv(DATA / "nhs_epd_sample.csv", dtype={"bnf_code": str})
    return rows, pd.read_csv(DATA / "nhs_list_sizes_sample.csv")


def expected(code: str, rows: pd.DataFrame, lists: pd.DataFrame) -> pd.Series:
    """The definition once more in pandas, from the words of the original file."""
    by, bnf = ["practice", "month"], rows["bnf_code"]
    if code == "ktt13_nsaids_ibuprofen":
        nsaid = bnf.str.match("100101")
        other = nsaid & ~bnf.str.match("1001010J0|1001010P0")
        return rows[other].groupby(by)["items"].sum() / rows[nsaid].groupby(by)["items"].sum() * 100
    if code == "amox_500_15_caps":
        caps = bnf.str.match("0501013B0.*AB$")
        return (
            rows[caps & (rows["quantity"] > 15)].groupby(by)["items"].sum()
            / rows[caps].groupby(by)["items"].sum()
            * 100
        )
    whole = lists[(lists["sex"] == "ALL") & (lists["age_group"] == "ALL")].set_index(by)["patients"]
    return rows[bnf.str.match("0403010J0")].groupby(by)["actual_cost"].sum() / (whole / 1000)


@pytest.mark.parametrize("code", ["ktt13_nsaids_ibuprofen", "amox_500_15_caps", "lpdosulepin"])
def test_reproduced_for_each_practice_and_month(code, nhs):
    rows, lists = nhs
    con = ibis.duckdb.connect()
    tables = {
        "aggregate_prescribing": con.create_table("a", rows),
        "list_sizes": con.create_table("l", lists),
    }
    found = (
        compile_measure(MEASURES[code], tables, MONTHS).execute().set_index(["practice", "month"])["value"]
    )
    right = expected(code, rows, lists)
    assert len(found) == 8 and list(found.index) == list(right.sort_index().index)
    assert [f"{v:.9g}" for v in found] == [f"{v:.9g}" for v in right.sort_index()]


def test_known_values(nhs):
    """Reckoned once by hand from the extract: 21 of 154 NSAID items in one practice; 24 of 35 amoxicillin items in another."""
    rows, lists = nhs
    con = ibis.duckdb.connect()
    tables = {
        "aggregate_prescribing": con.create_table("a", rows),
        "list_sizes": con.create_table("l", lists),
    }
    value = (
        compile_measure(MEASURES["ktt13_nsaids_ibuprofen"], tables, ["2017-09"])
        .execute()
        .set_index("practice")
    )
    assert tuple(value.loc["B85010", ["numerator", "denominator"]]) == (21, 154)
    value = compile_measure(MEASURES["amox_500_15_caps"], tables, ["2017-09"]).execute().set_index("practice")
    assert tuple(value.loc["L84073", ["numerator", "denominator"]]) == (24, 35)


def test_no_denominator_is_no_value(nhs):
    con = ibis.duckdb.connect()
    tables = {"aggregate_prescribing": con.create_table("a", nhs[0].assign(bnf_code="0101"))}
    assert compile_measure(MEASURES["ktt13_nsaids_ibuprofen"], tables, MONTHS).execute()["value"].isna().all()
    with pytest.raises(Missing, match="缺少数据"):
        compile_measure(MEASURES["lpdosulepin"], tables, MONTHS)


def test_broken_measure_file():
    text = (FOLDER / "lpdosulepin.yaml").read_text(encoding="utf-8")
    with pytest.raises(RuleError) as refused:
        load_measure(text.replace("sum: actual_cost", "sum: price"), "坏.yaml")
    assert "numerator.sum" in refused.value.place and "只能是" in refused.value.reason
