"""A frozen table stays as it was: against the world around it, against the ORM, against a hand in the database."""

import io
import json
from decimal import Decimal

import pytest
import python_calamine
from django.db import IntegrityError, connection, transaction
from django.test import Client

from core.audit.models import Change, Event
from core.audit.testing import empty_frozen
from core.audit.triggers import missing_triggers
from core.jobs.testing import run_pending
from core.kernel.context import Actor, acting, actor_scope
from core.kernel.errors import Problem
from core.org.models import Department, Hospital
from core.policy.decide import can, q
from core.policy.principal import visitor
from core.publications.domain import REFUSED, chain, freeze, shown, verify
from core.publications.models import Snapshot
from tests.integration.publications.conftest import damage, panel, verify_command

BY = Actor.system("test")
COLUMNS = [
    {"key": "rank", "label": "名次", "type": "number"},
    {"key": "item", "label": "药品", "type": "text"},
]
ROWS = [{"rank": 1, "item": "示例药品甲"}, {"rank": 2, "item": "示例药品乙"}]

#: Every stored column that a reader relies on, and what a hand in the database might write there.
BENT = {
    "rows": lambda s: s.rows.replace("示例", "示倒", 1),
    "columns": lambda s: s.columns.replace("金额", "数量", 1),
    "basis": lambda s: s.basis.replace("1", "2", 1),
    "title": lambda s: s.title + " ",
    "method": lambda s: s.method[:-1],
    "note": lambda s: s.note + "。",
    "period": lambda s: "2024年第3季度",
    "n": lambda s: s.n + 1,
    "audience": lambda s: "internal",
    "data_class": lambda s: 2,
    "version": lambda s: 7,
    "reason": lambda s: "无",
    "frozen_by": lambda s: "别人",
    "frozen_at": lambda s: "2020-01-01 00:00:00",
    "sha256": lambda s: ("1" if s.sha256[0] == "0" else "0") + s.sha256[1:],
}


def _small(hospital, **other):
    asked = {
        "columns": COLUMNS,
        "rows": ROWS,
        "method": "按金额排序。",
        "period": "2024年第4季度",
        "n": 50,
        "audience": "public",
        "data_class": 1,
        "basis": {"pins": {"items": [["all", 1]]}},
        "by": BY,
        "hospital": hospital,
    } | other
    return freeze("test.small", "示例排名", **asked)


def test_one_flipped_byte_anywhere_and_the_page_refuses(bench):
    snapshot = bench.freeze()
    assert verify_command() == (0, {"ok": True, "checked": 1, "snapshots": [_entry(snapshot, [])]})
    whole = {name: Snapshot.unscoped.values_list(name, flat=True).get() for name in BENT}
    for name, bend in BENT.items():
        bent = bend(snapshot)
        assert bent != whole[name], name
        damage(snapshot, name, bent)
        now = Snapshot.unscoped.select_related("hospital").get(pk=snapshot.pk)
        assert not verify(now), name
        answer = shown(now)
        assert (answer["verified"], answer["refused"], answer["rows"]) == (False, REFUSED, []), name
        page = bench.page(snapshot)
        assert page.status_code == 200 and panel(page.json(), "rows") is None, name
        text = json.dumps(page.json(), ensure_ascii=False)
        assert "已停止显示" in text and "示例药品" not in text and "示倒药品" not in text, name
        assert (
            bench.get("inspector", "/resources/publications.snapshot/rows").json()["rows"][0]["values"][
                "standing"
            ]
            == "altered"
        )
        status, found = verify_command()
        assert status == 1 and found["snapshots"][0]["problems"][0] == "内容与校验值不一致", name
        damage(snapshot, name, whole[name])
    assert verify(Snapshot.unscoped.get()) and panel(bench.page(snapshot).json(), "rows")


def _entry(snapshot, problems):
    return {
        "hospital": "binjiang",
        "uid": str(snapshot.uid),
        "title": snapshot.title,
        "version": 1,
        "sha256": snapshot.sha256,
        "problems": problems,
    }


def test_the_world_moves_on_and_neither_page_nor_hash_does(bench):
    drugs, doctors = bench.freeze(), bench.freeze("top20_doctors")
    before = [bench.page(one).content for one in (drugs, doctors)]
    hashes = list(Snapshot.unscoped.order_by("id").values_list("sha256", flat=True))
    top = next(
        row
        for row in bench.rows
        if row["date"] >= "2024-10" and Decimal(row["qty"]) > 0 and row["kind"] == "drug"
    )
    bench.bring_lines([top | {"qty": "700", "amount": f"{700 * Decimal(top['price'])}"}])
    bench.bring_rows(
        "items", [row | {"name": f"改名{row['item']}", "ddd_per_unit": "9"} for row in bench.items]
    )
    with acting(BY):
        Department.unscoped.filter(hospital=bench.hospital, name="骨科").update(name="骨与关节科")
        for post in bench.world.principal("inspector").posts:
            assert post.role == "inspector"
    rule = {"show": "show", "basis": "院发〔2024〕8号"}
    assert (
        bench.post("inspector", "/resources/warning.disclosure/commands/names", {"values": rule}).status_code
        == 200
    )
    assert [bench.page(one).content for one in (drugs, doctors)] == before
    assert list(Snapshot.unscoped.order_by("id").values_list("sha256", flat=True)) == hashes
    assert all(verify(one) for one in Snapshot.unscoped.all())
    refused = bench.ask_freeze()
    assert refused["state"] == "failed", "the change of the world is seen by the next freeze"


def test_the_database_itself_keeps_the_rows(bench):
    snapshot = _small(bench.hospital)
    table = "publications_snapshot"
    name_columns = ", ".join(f'"{f.column}"' for f in Snapshot._meta.concrete_fields)
    writes = [
        lambda: Snapshot.unscoped.filter(pk=snapshot.pk).update(title="别的"),
        lambda: snapshot.save(),
        lambda: snapshot.delete(),
        lambda: Snapshot.unscoped.all().delete(),
        lambda: _run(f"UPDATE {table} SET sha256 = 'x'"),
        lambda: _run(f"DELETE FROM {table}"),
    ]
    if connection.vendor == "sqlite":
        writes.append(
            lambda: _run(
                f"INSERT OR REPLACE INTO {table} ({name_columns}) SELECT {name_columns} FROM {table}"
            )
        )
    else:
        _run("SET CONSTRAINTS ALL IMMEDIATE")  # else PostgreSQL refuses for the checks that are still to come
        writes.append(lambda: _run(f"TRUNCATE {table} CASCADE"))
    for write in writes:
        with pytest.raises(IntegrityError, match="不得修改或删除"), transaction.atomic(), acting(BY):
            write()
    assert verify(Snapshot.unscoped.get())
    logged = Change.objects.filter(table=table)
    assert [one.op for one in logged] == ["I"] and snapshot.sha256 in logged[0].changes
    assert Event.objects.get(kind="publications.frozen").data["sha256"] == snapshot.sha256


def _run(sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.mark.django_db(transaction=True)
def test_the_flush_after_a_test_takes_frozen_rows_and_leaves_their_triggers(transactional_db):
    with acting(BY):
        hospital = Hospital.objects.create(slug="h1", name="甲院", sort_key="jia")
    _small(hospital)
    with actor_scope(BY):
        empty_frozen()
    assert not Snapshot.unscoped.exists() and missing_triggers() == []


def test_a_row_made_anew_with_a_fitting_hash_is_still_found_out(bench):
    first = _small(bench.hospital)
    second = _small(bench.hospital, rows=ROWS[:1], replaces=first, reason="乙重复")
    from core.publications.domain.canonical import fingerprint

    forged = Snapshot.unscoped.get(pk=first.pk)
    forged.rows = forged.rows.replace("甲", "丙")
    damage(first, "rows", forged.rows)
    damage(first, "sha256", fingerprint(forged))
    assert verify(Snapshot.unscoped.get(pk=first.pk)), "page and hash agree"
    status, found = verify_command()
    assert status == 1
    problems = {one["version"]: one["problems"] for one in found["snapshots"]}
    assert problems == {1: ["校验值与审计记录中的不一致", "后一版记下的校验值与这一版的不一致"], 2: []}
    assert second.version == 2


def test_versions_form_one_chain(bench):
    first = _small(bench.hospital)
    for faulty, said in (
        ({}, "已经冻结"),
        ({"replaces": first, "reason": "  "}, "更正原因"),
        ({"replaces": first, "reason": "多" * 401}, "过长"),
    ):
        with pytest.raises(Problem, match=said):
            _small(bench.hospital, **faulty)
    second = _small(bench.hospital, replaces=first, reason="更正")
    with pytest.raises(Problem, match="最新的一版"):
        _small(bench.hospital, replaces=first, reason="再更正")
    assert [one.version for one in chain(first)] == [one.version for one in chain(second)] == [1, 2]
    damage(second, "rows", "[]")
    with pytest.raises(Problem, match="与冻结时不一致"):
        _small(bench.hospital, replaces=Snapshot.unscoped.get(version=2), reason="再更正")
    other = _small(bench.world.hospital("yunling"))
    assert other.version == 1 and chain(other) == [other]


def test_doubles_and_public_class_two_are_refused_by_the_code(bench):
    with pytest.raises(TypeError, match="float"):
        _small(bench.hospital, rows=[{"rank": 1.5, "item": "甲"}])
    for faulty in ({"data_class": 2}, {"audience": "all"}, {"rows": [{"rank": 1}]}, {"columns": []}):
        with pytest.raises(ValueError, match=r"data|audience|row|column"):
            _small(bench.hospital, **faulty)
    assert not Snapshot.unscoped.exists()


def test_the_table_goes_out_as_an_excel_file_only_while_it_verifies(bench):
    snapshot = bench.freeze()
    path, sent = "/resources/publications.snapshot/commands/export_rows", {"uid": str(snapshot.uid)}
    job = bench.post("leader", path, sent).json()["job"]
    run_pending()
    answer = bench.get("leader", f"/jobs/{job}").json()
    assert answer["state"] == "done", answer
    file = bench.get("leader", answer["href"].removeprefix("/api/v1/h/binjiang"))
    content = io.BytesIO(b"".join(file.streaming_content))
    cells = python_calamine.CalamineWorkbook.from_filelike(content).get_sheet_by_index(1).to_python()
    rows = json.loads(snapshot.rows)
    assert snapshot.sha256 in cells[1][0] and snapshot.method in cells[1][0]
    assert bench.get("leader", answer["href"].removeprefix("/api/v1/h/binjiang")).status_code == 410
    assert [row[1] for row in cells[3:]] == [row["item"] for row in rows]
    assert [Decimal(str(row[4])) for row in cells[3:]] == [Decimal(row["amount"]) for row in rows]
    assert bench.get("inspector", answer["href"].removeprefix("/api/v1/h/binjiang")).status_code == 404
    assert bench.post("staff", path, sent).status_code == 403
    damage(snapshot, "rows", snapshot.rows.replace("示例", "示倒", 1))
    job = bench.post("leader", path, sent).json()["job"]
    run_pending()
    refused = bench.get("leader", f"/jobs/{job}").json()
    assert refused["state"] == "failed" and "已停止显示" in refused["error"]["detail"]


def test_staff_see_both_a_visitor_only_the_public_one_another_hospital_none(bench):
    drugs, doctors = bench.freeze(), bench.freeze("top20_doctors")
    for role in ("staff", "doctor", "member", "leader"):
        listed = bench.get(role, "/resources/publications.snapshot/rows").json()["rows"]
        assert {row["uid"] for row in listed} == {str(drugs.uid), str(doctors.uid)}, role
        assert bench.page(doctors, role).status_code == 200
        assert not any(row["actions"] for row in listed) or role == "leader"
    guest = visitor(bench.hospital)
    assert can(guest, "view", "publications.snapshot", drugs).allowed
    assert not can(guest, "view", "publications.snapshot", doctors).allowed
    assert not can(guest, "export", "publications.snapshot", drugs).allowed
    assert list(Snapshot.unscoped.filter(q(guest, "view", "publications.snapshot"))) == [drugs]
    assert not can(visitor(bench.world.hospital("yunling")), "view", "publications.snapshot", drugs).allowed
    nobody = Client()
    for one in (drugs, doctors):
        for path in (
            "/resources/publications.snapshot",
            "/resources/publications.snapshot/rows",
            f"/resources/publications.snapshot/rows/{one.uid}",
            f"/resources/warning.ranking/rows/{one.uid}",
        ):
            assert nobody.get(f"/api/v1/h/binjiang{path}").status_code == 401, path
    stranger = bench.client("inspector", "yunling")
    path = f"/api/v1/h/yunling/resources/publications.snapshot/rows/{drugs.uid}"
    assert stranger.get(path).status_code == 404
