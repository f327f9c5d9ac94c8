"""What landing does to months, versions and keys."""

import datetime as dt
import hashlib
import io
import stat
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from django.conf import settings

from core.kernel.clock import now
from core.kernel.errors import Problem
from core.lake import codes, land, query
from core.lake.models import LakeCode, LakeImport, MonthVersion
from core.lake.rows import source_row
from tests.integration.lake.conftest import HEAD, bring_path, landed, line


def keys(hospital, **which):
    return [(r["source_key"], r["date"].isoformat(), int(r["qty"])) for r in landed(hospital, **which)]


def test_add_correct_and_old_version_stays(bring, hospital):
    bring("a.csv", HEAD + line("1") + line("2") + line("3", day="2024-04-01"))
    before, old = now(), query.pins(hospital, "prescription_lines")
    content = [(land.root() / v.path).read_bytes() for v in old]
    done = bring("b.csv", HEAD + line("2", qty=7) + line("4"))
    assert [(m["month"], m["version"], m["rows"]) for m in done.months] == [("2024-03", 2, 3)]
    assert keys(hospital) == [
        ("1", "2024-03-05", 2),
        ("2", "2024-03-05", 7),
        ("3", "2024-04-01", 2),
        ("4", "2024-03-05", 2),
    ]
    assert keys(hospital, as_of=before) == [
        ("1", "2024-03-05", 2),
        ("2", "2024-03-05", 2),
        ("3", "2024-04-01", 2),
    ]
    assert [(land.root() / v.path).read_bytes() for v in old] == content
    assert keys(hospital, months=["2024-04"]) == [("3", "2024-04-01", 2)]


def test_key_that_moves_month_leaves_the_old_one(bring, hospital):
    bring("a.csv", HEAD + line("1") + line("2"))
    done = bring("b.csv", HEAD + line("2", day="2024-05-01"))
    assert [(m["month"], m["rows"]) for m in done.months] == [("2024-03", 1), ("2024-05", 1)]
    assert keys(hospital) == [("1", "2024-03-05", 2), ("2", "2024-05-01", 2)]
    done = bring("c.csv", HEAD + line("1", day="2024-05-02"))
    assert [(m["month"], m["rows"]) for m in done.months] == [("2024-03", 0), ("2024-05", 2)]


def test_replace_months_replaces_only_months_in_the_file(bring, hospital):
    bring("a.csv", HEAD + line("1") + line("2") + line("3", day="2024-04-01"))
    bring("b.csv", HEAD + line("9"), mode="replace_months")
    assert keys(hospital) == [("3", "2024-04-01", 2), ("9", "2024-03-05", 2)]


def test_rows_without_key_replace_whole_months(bring, hospital):
    head = "time,user,role,ip,group_by,rows\n"
    bring(
        "a.csv",
        head + "2024-01-01 08:00,U1,w,1,patient,3\n2024-01-01 08:00,U1,w,1,patient,3\n",
        dataset="access_log",
    )
    assert len(landed(hospital, "access_log")) == 2, "equal rows are two rows"
    bring("b.csv", head + "2024-01-02 08:00,U2,w,1,patient,3\n", dataset="access_log")
    (row,) = landed(hospital, "access_log")
    assert (row["user"], row["time"], row["source_key"]) == (
        "U2",
        dt.datetime.fromisoformat("2024-01-02 08:00"),
        None,
    )


def test_same_file_twice_changes_nothing(bring, hospital):
    text = HEAD + line("1") + line("2")
    first = bring("a.csv", text)
    again = bring("a.csv", text)
    assert (again.state, again.same_as_id, again.months) == ("unchanged", first.pk, [])
    assert MonthVersion.objects.count() == 1
    renamed = bring("别名.csv", HEAD + line("2") + line("1"))
    assert renamed.state == "unchanged", "same content in another order"
    assert MonthVersion.objects.count() == 1


def test_first_file_again_after_a_correction_is_a_new_import(bring, hospital):
    bring("a.csv", HEAD + line("1"))
    bring("b.csv", HEAD + line("1", qty=7))
    assert bring("a.csv", HEAD + line("1")).state == "done"
    assert keys(hospital) == [("1", "2024-03-05", 2)]


def test_dimension_is_one_partition(bring, hospital):
    bring("d.csv", "doctor,department,antibacterial_level\nD1,内科,1\nD2,外科,2.0\n", dataset="doctors")
    bring("d2.csv", "doctor,department,antibacterial_level\nD2,外科,3\n", dataset="doctors")
    rows = landed(hospital, "doctors")
    assert [(r["department"], r["antibacterial_level"]) for r in rows] == [("内科", 1), ("外科", 3)]
    assert {v.month for v in MonthVersion.objects.all()} == {"all"}


def test_codes_are_stable_and_patients_are_not_in_clear(bring, hospital):
    bring("a.csv", HEAD + line("1", patient="张三的号码", doctor="D7"))
    bring("b.csv", HEAD + line("2", patient="张三的号码", doctor="D7", item="I9"))
    one, two = landed(hospital)
    assert (one["patient"], one["doctor"]) == (two["patient"], two["doctor"])
    assert codes.labels(hospital, "doctor", [one["doctor"]]) == {one["doctor"]: "D7"}
    assert codes.resolve(hospital, "patient", "张三的号码") == one["patient"]
    assert codes.labels(hospital, "patient", [one["patient"]]) == {one["patient"]: f"患者 {one['patient']}"}
    (stored,) = LakeCode.objects.filter(kind="patient").values_list("code", flat=True)
    assert len(stored) == 64
    lake = b"".join(p.read_bytes() for p in land.root().rglob("*.parquet"))
    assert "张三".encode() not in lake


def test_file_on_disk(bring, hospital):
    bring("a.csv", HEAD + line("2", day="2024-03-09") + line("1"))
    (version,) = MonthVersion.objects.all()
    path = land.root() / version.path
    assert version.path == "demo/prescription_lines/month=2024-03/v0001.parquet"
    assert hashlib.sha256(path.read_bytes()).hexdigest() == version.sha256
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for folder in (settings.HOME / "files", settings.HOME / "lake", path.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    file = pq.ParquetFile(path)
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"
    assert file.schema_arrow.field("amount").type == pa.decimal128(18, 5)
    assert file.read(["date"]).column(0).to_pylist() == [dt.date(2024, 3, 5), dt.date(2024, 3, 9)]
    assert not list(land.root().rglob("*.tmp"))
    assert not list((land.root() / ".work").iterdir())


def test_orphans_are_swept_and_never_read(bring, hospital):
    bring("a.csv", HEAD + line("1"))
    folder = land.root() / "demo/prescription_lines/month=2024-03"
    for name in ("v0002.parquet", ".v0009.abc.tmp"):
        (folder / name).write_bytes(b"half")
    assert len(landed(hospital)) == 1
    bring("b.csv", HEAD + line("2"))
    assert sorted(p.name for p in folder.iterdir()) == ["v0001.parquet", "v0002.parquet"]
    assert len(landed(hospital)) == 2


def test_empty_pins_give_a_typed_table(hospital):
    table = query.tables(query.connect("web"), [], "prescription_lines")
    assert table.count().execute() == 0
    assert table.schema()["amount"].is_decimal()


def test_another_hospital_sees_nothing(bring, hospital):
    from core.org.models import Hospital

    bring("a.csv", HEAD + line("1"))
    other = Hospital.objects.create(slug="other", name="另一家", zone="Asia/Shanghai")
    assert query.pins(other, "prescription_lines") == []


def test_ledger_counts_add_up(bring, hospital):
    done = bring(
        "a.csv", HEAD + line("1") + line("1") + line("2", qty="x") + line("3", day="2023-01-01") + "\n",
        where="日期 > 2024-01-01", accept_partial=True,
    )  # fmt: skip
    assert (
        done.rows_in
        == done.rows_filtered + done.rows_quarantined + done.rows_superseded + done.rows_landed
        == 4
    )
    assert (done.rows_filtered, done.rows_quarantined, done.rows_superseded) == (1, 1, 1)
    assert done.sha256 == done.file.sha256


def test_parquet_doubles_keep_their_digits(hospital, tmp_path):
    n = 3
    table = pa.table(
        {
            "line_id": list(range(n)), "rx_id": ["r"] * n, "date": [dt.date(2024, 1, 2)] * n, "department": ["内科"] * n,
            "doctor": ["D"] * n, "patient": ["P"] * n, "visit_type": ["O"] * n, "item": ["I"] * n, "kind": ["drug"] * n,
            "qty": [3, 3, 3], "price": [0.1, 69.93852, 1e-5], "amount": [0.1 * 3, 0.1 + 0.7, 12345.6],
        }
    )  # fmt: skip
    pq.write_table(table, tmp_path / "x.parquet")
    bring_path(hospital, tmp_path / "x.parquet")
    rows = landed(hospital)
    assert [r["price"] for r in rows] == [Decimal("0.10000"), Decimal("69.93852"), Decimal("0.00001")]
    assert [r["amount"] for r in rows] == [Decimal("0.30000"), Decimal("0.80000"), Decimal("12345.60000")]
    assert [r["file_row"] for r in rows] == [1, 2, 3]


def test_source_row_of_csv_with_quoted_newlines(bring, hospital):
    text = (
        HEAD
        + line("1")
        + '"2","RX\n甲",2024-03-05,内科,D1,P1,门诊,I1,药品,2,10,20,\n'
        + line("3", doctor="D3")
    )
    done = bring("a.csv", text.encode("gb18030"))
    found = source_row(done, 4)
    assert (found["file"], found["row"], found["columns"][0]) == (
        "a.csv",
        4,
        {"name": "明细编号", "value": "3"},
    )
    assert (found["landed"]["source_key"], found["landed"]["doctor"], found["landed"]["visit_type"]) == (
        "3",
        "D3",
        "门诊",
    )
    assert source_row(done, 3)["columns"][1]["value"] == "RX\n甲"


@pytest.mark.parametrize("n", [-372_303, -1, 0, 25_003, 2**31, 2**70])
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_row_that_the_file_does_not_have(bring, hospital, tmp_path, kind, n):
    """Before the first, behind the last, and numbers that no file and no database column can hold."""
    text = HEAD + "".join(line(i) for i in range(30))
    if kind == "csv":
        done = bring("a.csv", text)
    else:
        pq.write_table(pacsv.read_csv(io.BytesIO(text.encode())), tmp_path / "a.parquet")
        done = bring_path(hospital, tmp_path / "a.parquet")
    assert source_row(done, 2)["row"] == 2
    with pytest.raises(Problem, match="文件中没有这一行"):
        source_row(done, n)


def test_source_row_deep_in_a_large_csv(bring, hospital):
    done = bring("a.csv", HEAD + "".join(line(i) for i in range(25_000)))
    assert len(done.row_index["offsets"]) == 26
    for n in (2, 1001, 1002, 25_001):
        found = source_row(done, n)
        assert found["columns"][0]["value"] == str(n - 2) == found["landed"]["source_key"]


def test_quotation_mark_inside_a_field_does_not_shift_rows(bring, hospital):
    text = HEAD + "".join(line(i) for i in range(1500)).replace("RX7,", 'RX 5" 管,')
    done = bring("a.csv", text)
    assert done.rows_landed == 1500
    assert source_row(done, 1400)["columns"][0]["value"] == "1398"


def test_mapping_is_saved_per_source(bring, hospital, tmp_path):
    from core.lake import domain
    from tests.integration.lake.conftest import BY

    head = HEAD.replace("科室", "甲列")
    keys = [
        "source_key",
        "rx",
        "date",
        "doctor",
        "patient",
        "visit_type",
        "item",
        "kind",
        "qty",
        "price",
        "amount",
        "original_key",
    ]
    names = [name for name in HEAD.strip().split(",") if name != "科室"]
    mapping = {"department": "甲列"} | dict(zip(keys, names, strict=True))
    bring("门诊_202403.csv", head + line("1"), mapping=mapping)
    path = Path(tmp_path / "门诊_202404.csv")
    path.write_text(head + line("2"), "utf-8")
    upload = domain.receive_path(path, dataset="prescription_lines", hospital=hospital, by=BY)
    assert domain.describe_upload(upload)["mapping"] == mapping
    assert LakeImport.objects.get().source == "门诊"
