"""Triggers as the database sees them: who is refused, what is logged, and what happens when they are gone."""

import json
import threading

import pytest
from django.apps import apps
from django.core.management.sql import emit_post_migrate_signal, emit_pre_migrate_signal
from django.db import IntegrityError, connection, models, transaction
from django.db.migrations import Migration

from core.audit.exempt import EXEMPT, MARK, QUIET
from core.audit.guard import assert_triggers, check_triggers
from core.audit.models import Change
from core.audit.triggers import drop_triggers, make_triggers, missing_triggers, watched
from core.kernel.context import Actor, acting, actor_scope
from core.kernel.errors import Problem
from core.org.models import Hospital, Person, User

NURSE = Actor("user", "u-1", "护士")
REFUSED = "没有操作者"
PLAN = [(Migration("0002_test", "org"), False)]


def _no_actor():
    return actor_scope(None)


def _run(sql, *values):
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


def _changes(table="org_person"):
    return list(Change.objects.filter(table=table).order_by("id"))


def _tables_with_triggers():
    """Asked of the database's own catalogue: table → number of triggers of ours."""
    catalogue = {
        "sqlite": "SELECT tbl_name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'qinglian%'",
        "postgresql": "SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname LIKE 'qinglian%' AND tgenabled = 'O'",
    }[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(catalogue)
        names = [name.strip('"') for (name,) in cursor.fetchall()]
    return {name: names.count(name) for name in names}


@pytest.fixture
def person(db):
    with acting(NURSE):
        return Person.objects.create(name="甲", sort_key="jia")


def test_the_orm_cannot_write_without_an_actor(person):
    with _no_actor():
        for write in (
            lambda: Person.objects.create(name="乙", sort_key="yi"),
            lambda: Person.objects.bulk_create([Person(name="乙", sort_key="yi")]),
            lambda: Person.objects.bulk_create([Person(name="乙", sort_key="yi")], ignore_conflicts=True),
            lambda: Person.objects.filter(pk=person.pk).update(name="丙"),
            lambda: person.save(),
            lambda: person.delete(),
        ):
            with pytest.raises(IntegrityError, match=REFUSED), transaction.atomic():
                write()
    assert list(Person.objects.values_list("name", flat=True)) == ["甲"]


def test_raw_sql_cannot_write_without_an_actor(person):
    uid = "0" * 32
    with _no_actor():
        for sql, values in (
            ("INSERT INTO org_person (uid, version, name, sort_key) VALUES (%s, 1, 'x', 'x')", [uid]),
            ("UPDATE org_person SET name = 'x'", []),
            ("DELETE FROM org_person", []),
        ):
            with pytest.raises(IntegrityError, match=REFUSED), transaction.atomic():
                _run(sql, *values)
        _run("UPDATE org_person SET name = 'x' WHERE id = -1")  # touches no row: nothing to refuse
    assert list(Person.objects.values_list("name", flat=True)) == ["甲"]


def test_each_write_is_logged_with_actor_and_values(person):
    with acting(NURSE):
        Person.objects.filter(pk=person.pk).update(name="乙")
        Person.objects.filter(pk=person.pk).update(name="乙")  # changes nothing
        Person.objects.filter(pk=person.pk).delete()
    logged = _changes()
    assert [(one.op, one.pk_text, one.actor) for one in logged] == [
        (op, str(person.pk), "user:u-1") for op in ("I", "U", "D")
    ]
    assert logged[0].values["name"] == "甲"
    assert logged[1].values == {"name": ["甲", "乙"]}
    assert logged[2].values["name"] == "乙"
    assert all(one.at.tzinfo and abs((one.at - logged[0].at).total_seconds()) < 60 for one in logged)


def test_one_statement_over_many_rows_logs_each(db):
    with acting(NURSE):
        Person.objects.bulk_create([Person(name=f"甲{n}", sort_key="jia") for n in range(300)])
        Person.objects.update(sort_key="x")
        Person.objects.all().delete()
    logged = _changes()
    for op in "IUD":
        assert len({one.pk_text for one in logged if one.op == op}) == 300


def test_upsert_is_logged_as_what_it_did(person):
    twin = Person(uid=person.uid, name="乙", sort_key="yi")
    with acting(NURSE):
        Person.objects.bulk_create(
            [twin], update_conflicts=True, unique_fields=["uid"], update_fields=["name"]
        )
    last = _changes()[-1]
    assert (last.op, last.values) == ("U", {"name": ["甲", "乙"]})


def test_a_changed_primary_key_is_not_lost(person):
    with acting(NURSE):
        _run("UPDATE org_person SET id = 987654 WHERE id = %s", person.pk)
    after = [one for one in _changes() if one.op == "U"]
    assert "987654" in {one.pk_text for one in after}
    assert str(person.pk) in json.dumps([one.values for one in after])


def test_secrets_are_marked_not_logged(db):
    with acting(NURSE):
        user = User.objects.create(username="hushi", password="argon2$geheim")
        User.objects.filter(pk=user.pk).update(password="argon2$neu")
        user.delete()
    logged = _changes("org_user")
    assert [one.values["password"] for one in logged] == [MARK] * 3
    assert "argon2" not in "".join(one.changes for one in logged)
    assert logged[0].values["username"] == "hushi"


def test_a_model_names_its_own_secrets(db, monkeypatch):
    monkeypatch.setattr(Person, "audit_secret", ("name",), raising=False)
    make_triggers()
    with acting(NURSE):
        Person.objects.create(name="病人甲", sort_key="x")
        Person.objects.update(name="病人乙")
    assert [one.values["name"] for one in _changes()] == [MARK] * 2


def test_quiet_columns_alone_write_no_row(db, monkeypatch):
    monkeypatch.setitem(QUIET, "org_person", ("sort_key",))
    make_triggers()
    with acting(NURSE):
        person = Person.objects.create(name="甲", sort_key="x")
        Person.objects.update(sort_key="y")
        Person.objects.update(sort_key="z", name="乙")
    assert [(one.op, one.values.get("sort_key")) for one in _changes()] == [("I", "x"), ("U", None)]
    with _no_actor(), pytest.raises(IntegrityError, match=REFUSED), transaction.atomic():
        Person.objects.filter(pk=person.pk).update(sort_key="w")


def test_quotes_and_odd_text_survive(db):
    name = """'"\\{}[],\n\t%s 乙🀄"""
    with acting(NURSE):
        Person.objects.create(name=name, sort_key="x")
    assert _changes()[-1].values["name"] == name


def test_many_to_many_tables_are_watched(db):
    from django.contrib.auth.models import Group

    with acting(NURSE):
        User.objects.create(username="a").groups.add(Group.objects.create(name="g"))
    assert Change.objects.filter(table="org_user_groups", op="I").count() == 1


@pytest.mark.django_db(transaction=True)
def test_rollback_leaves_neither_row_nor_log():
    with pytest.raises(RuntimeError), acting(NURSE):
        Person.objects.create(name="甲", sort_key="jia")
        raise RuntimeError
    assert not Person.objects.filter(name="甲").exists()
    assert not any("甲" in one.changes for one in _changes())


@pytest.mark.django_db(transaction=True)
def test_the_actor_ends_with_its_block_and_another_thread_has_none():
    with _no_actor():
        with acting(NURSE):
            with acting(Actor.system("inner")):
                Person.objects.create(name="内", sort_key="x")
            Person.objects.create(name="外", sort_key="x")
        with pytest.raises(IntegrityError, match=REFUSED):
            Person.objects.create(name="后", sort_key="x")
    seen = []

    def other():
        try:
            Person.objects.create(name="旁", sort_key="x")
        except IntegrityError as error:
            seen.append(str(error))
        finally:
            connection.close()

    with acting(NURSE):
        pass
    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert REFUSED in seen[0]
    by = {one.values["name"]: one.actor for one in _changes() if one.op == "I"}
    assert (by["内"], by["外"]) == ("system:inner", "user:u-1")


@pytest.mark.django_db(transaction=True)
def test_the_actor_survives_a_failed_inner_transaction_and_a_new_connection():
    with actor_scope(NURSE):
        with transaction.atomic():
            with pytest.raises(IntegrityError), transaction.atomic(), actor_scope(Actor.system("inner")):
                _run("INSERT INTO org_person (uid, version, name, sort_key) VALUES (NULL, 1, 'x', 'x')")
            Person.objects.create(name="甲", sort_key="x")
        with pytest.raises(RuntimeError), acting(Actor.system("inner")):
            raise RuntimeError
        Person.objects.create(name="乙", sort_key="x")
        connection.close()
        Person.objects.create(name="丙", sort_key="x")
    by = {one.values["name"]: one.actor for one in _changes() if one.op == "I"}
    assert {by[name] for name in "甲乙丙"} == {"user:u-1"}


def test_every_table_has_triggers_or_stands_in_the_exempt_list(db):
    present = set(connection.introspection.table_names())
    ours = {m._meta.db_table for m in apps.get_models(include_auto_created=True) if m._meta.managed} & present
    each = {"sqlite": 3, "postgresql": 4}[connection.vendor]
    more = {"sqlite": 2, "postgresql": 1}[connection.vendor]  # a frozen table also refuses UPDATE and DELETE
    frozen = {m._meta.db_table for m in apps.get_models() if getattr(m, "audit_frozen", False)}
    assert {"publications_snapshot", "warning_disclosureentry"} <= frozen
    wanted = {table: each + more * (table in frozen) for table in ours - set(EXEMPT)}
    assert _tables_with_triggers() == wanted
    assert {one.table for one in watched()} == ours - set(EXEMPT)
    assert missing_triggers() == []


def test_each_exemption_gives_its_reason():
    assert all(len(reason) > 10 for reason in EXEMPT.values())
    assert {"org_user", "org_post", "org_hospital", "policy_activation"}.isdisjoint(EXEMPT)


def test_a_gutted_switched_off_or_foreign_trigger_is_seen(db):
    if connection.vendor == "sqlite":
        _run('DROP TRIGGER "qinglian_update_org_person"')
        _run('CREATE TRIGGER "qinglian_update_org_person" AFTER UPDATE ON "org_person" BEGIN SELECT 1; END')
        _run('CREATE TRIGGER "qinglian_x" AFTER UPDATE ON "org_person" BEGIN SELECT 1; END')
    else:
        _run("ALTER TABLE org_person DISABLE TRIGGER qinglian_update")
        _run(
            "CREATE TRIGGER qinglian_x AFTER UPDATE ON org_person EXECUTE FUNCTION qinglian_audit('id', '', '')"
        )
    found = missing_triggers()
    assert len(found) == 2
    assert found[0].startswith("多出") or found[1].startswith("多出")
    make_triggers()
    assert missing_triggers() == []


def test_writes_are_refused_while_triggers_are_missing(person):
    assert_triggers()
    drop_triggers()
    with pytest.raises(Problem, match="缺少审计触发器"):
        assert_triggers()
    try:
        with acting(NURSE), pytest.raises(Problem, match="已停止写入"):
            Person.objects.create(name="乙", sort_key="yi")
        assert Person.objects.get().name == "甲"  # reading goes on
        make_triggers()
    finally:
        make_triggers()
        assert check_triggers() == []
    with acting(NURSE):
        Person.objects.create(name="乙", sort_key="yi")


def _alter(length):
    old = Hospital._meta.get_field("short_name")
    new = models.CharField("简称", max_length=length, blank=True)
    new.set_attributes_from_name("short_name")
    new.model = Hospital
    with connection.schema_editor() as editor:
        editor.alter_field(Hospital, old if length != old.max_length else _sized(60), new)


def _sized(length):
    field = models.CharField("简称", max_length=length, blank=True)
    field.set_attributes_from_name("short_name")
    field.model = Hospital
    return field


@pytest.mark.django_db(transaction=True)
def test_triggers_are_there_after_an_alter_field_migration():
    try:
        emit_pre_migrate_signal(0, False, "default", plan=PLAN)
        assert _tables_with_triggers() == {}
        _alter(60)
        emit_post_migrate_signal(0, False, "default", plan=PLAN)
        assert missing_triggers() == []
        with acting(NURSE):
            Hospital.objects.create(slug="h1", name="甲院", sort_key="x")
        assert _changes("org_hospital")[-1].op == "I"
    finally:
        emit_pre_migrate_signal(0, False, "default", plan=PLAN)
        _alter(40)
        emit_post_migrate_signal(0, False, "default", plan=PLAN)


@pytest.mark.django_db(transaction=True)
def test_an_alter_behind_migrates_back_is_noticed_on_sqlite_and_harmless_on_postgresql():
    try:
        _alter(60)
        found = missing_triggers()
        assert len(found) == (3 if connection.vendor == "sqlite" else 0)
        assert all("org_hospital" in one for one in found)
        emit_post_migrate_signal(0, False, "default", plan=[])
        assert missing_triggers() == []
    finally:
        _alter(40)
        emit_post_migrate_signal(0, False, "default", plan=[])


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_truncate_needs_an_actor_and_is_logged():
    with _no_actor(), pytest.raises(IntegrityError, match=REFUSED):
        _run("TRUNCATE org_person CASCADE")
    with acting(NURSE):
        _run("TRUNCATE org_person CASCADE")
    assert _changes()[-1].op == "T"


def test_insert_or_replace_logs_the_row_it_removes(person):
    if connection.vendor != "sqlite":
        return
    with acting(NURSE):
        _run(
            "INSERT OR REPLACE INTO org_person (uid, version, name, sort_key) VALUES (%s, 1, '乙', 'yi')",
            person.uid.hex,
        )
    assert [one.op for one in _changes()] == ["I", "D", "I"]
