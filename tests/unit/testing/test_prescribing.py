"""Generated lines: the stories are in them, the background breaks no exact rule, money is exact, the seed decides."""

from decimal import Decimal

import duckdb
import pytest

from core.testing.prescribing import Clinic, Prescribing, generate

CLINICS = {
    name: Clinic(peers, "总院", tuple(f"{name}{n}" for n in range(count)))
    for name, peers, count in (
        ("骨科", "手术科室", 7),
        ("心内科", "非手术科室", 7),
        ("消化内科", "非手术科室", 7),
        ("内分泌科", "非手术科室", 7),
        ("重症医学科", "重症", 7),
        ("眼科", "手术科室", 8),
        ("妇产科", "手术科室", 7),
        ("儿内科", "儿科", 7),
    )
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Prescribing:
    data = generate(CLINICS, seed=7, monthly=20)
    data.save(tmp_path_factory.mktemp("lines"))
    return data


@pytest.fixture(scope="module")
def ask(made: Prescribing) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    for name, path in made.files.items():
        reader = "read_parquet" if path.suffix == ".parquet" else "read_csv"
        con.execute(f"create view {name} as select * from {reader}('{path}')")
    return con


def _entities(made: Prescribing, code: str) -> set[str]:
    return {story.entity for story in made.stories if story.code == code and story.must == "fire"}


def _found(ask: duckdb.DuckDBPyConnection, query: str) -> set[str]:
    return {row[0] for row in ask.execute(query).fetchall()}


def test_more_than_five_drugs_only_where_planted(made: Prescribing, ask: duckdb.DuckDBPyConnection) -> None:
    query = """select rx from prescription_lines where kind = 'drug' and visit_type in ('O', 'E') and qty > 0
               group by rx having count(distinct item) > 5"""
    assert _found(ask, query) == _entities(made, "RX_GT5") != set()


def test_sex_and_antibacterial_slips_only_where_planted(
    made: Prescribing, ask: duckdb.DuckDBPyConnection
) -> None:
    sex = """select rx from prescription_lines l join items i using (item) join patients p using (patient)
             where i.sex_limit is not null and i.sex_limit <> p.sex"""
    level = """select rx from prescription_lines l join items i using (item) join doctors d using (doctor)
               where i.antibacterial_level > d.antibacterial_level"""
    assert _found(ask, sex) == _entities(made, "SEX_LIMIT") != set()
    assert _found(ask, level) == _entities(made, "AB_LEVEL") != set()


def test_repeats_within_seven_days_only_by_the_planted_doctor(
    made: Prescribing, ask: duckdb.DuckDBPyConnection
) -> None:
    query = """select doctor from (select *, lag(date) over (partition by patient, item order by date, source_key) as before
               from prescription_lines where qty > 0) where date > before and date - before <= 7"""
    assert _found(ask, query) == _entities(made, "REPEAT_7D") != set()


def test_price_gap_night_queries_and_unregistered_visits_only_where_planted(
    made: Prescribing, ask: duckdb.DuckDBPyConnection
) -> None:
    gap = "select distinct item from prescription_lines l join items i using (item) where l.price > i.price * 1.1"
    night = "select user from access_log where hour(time) >= 22 and group_by = 'doctor_x_drug'"
    visits = "select rep || '|' || supplier from rep_visits where not registered"
    assert _found(ask, gap) == _entities(made, "PRICE_GAP")
    assert _found(ask, night) == _entities(made, "TONGFANG")
    assert _found(ask, visits) == _entities(made, "REP_UNREGISTERED")


def test_levels_jump_as_told(ask: duckdb.DuckDBPyConnection) -> None:
    def sums(what: str, department: str) -> tuple[float, float]:
        query = f"""select avg(v) filter (where m < '2024-10'), avg(v) filter (where m >= '2025-01') from (
                    select strftime(date, '%Y-%m') as m, {what} as v from prescription_lines join items i using (item)
                    where department = ? group by m)"""
        return ask.execute(query, [department]).fetchone()  # type: ignore[return-value]

    before, after = sums("sum(amount) filter (where i.kind = 'consumable')", "骨科")
    assert 1.7 < float(after) / float(before) < 2.3
    before, after = sums("sum(qty * ddd_per_unit) filter (where antibacterial_level > 0)", "重症医学科")
    assert 2.3 < after / before < 3.9


def test_amounts_are_quantity_times_price_to_the_fen_and_returns_name_their_line(
    made: Prescribing, ask: duckdb.DuckDBPyConnection
) -> None:
    wrong = ask.execute("select count(*) from prescription_lines where amount <> qty * price").fetchone()
    assert wrong == (0,)
    price = ask.execute("select price from prescription_lines limit 1").fetchone()
    assert price is not None and isinstance(price[0], Decimal)
    unmatched = ask.execute(
        """select count(*), count(o.source_key) from prescription_lines r left join prescription_lines o
           on o.source_key = r.original_key and o.qty = -r.qty and o.date <= r.date where r.qty < 0"""
    ).fetchone()
    assert unmatched is not None and unmatched[0] == unmatched[1] > 0


def test_the_seed_decides_and_a_quiet_world_has_no_story() -> None:
    few = {name: CLINICS[name] for name in ("骨科", "内分泌科")}
    one, two = (generate(few, seed=3, monthly=4, months=4) for _ in range(2))
    other = generate(few, seed=4, monthly=4, months=4, with_stories=False)
    assert all(one.tables[name].equals(two.tables[name]) for name in one.tables)
    assert not one.tables["prescription_lines"].equals(other.tables["prescription_lines"])
    assert other.stories == []
