"""The three drills of docs/operations/incidents.md, step by step, with the means that the guide names."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from core.audit.events import read_event
from core.audit.models import Event
from core.audit.sealer import seal_pending
from core.audit.verify import verify
from core.kernel.context import Actor, actor_scope
from core.testing.world import World
from scripts.environment import ROOT
from tests.integration.keeping.conftest import PHRASE, House, house

__all__ = ["house"]
HERE = "/api/v1/h/binjiang"


def browser(world: World, role: str) -> Client:
    """Signed in, with the token."""
    client = Client()
    with actor_scope(Actor.system("test")):
        client.force_login(world.user(role), "core.accounts.backends.SignIn")
    return client


def command(client: Client, verb: str, uid: str) -> Any:
    """An action on an account."""
    return client.post(
        f"{HERE}/resources/accounts.account/commands/{verb}",
        json.dumps({"uid": uid, "values": {}}),
        content_type="application/json",
        headers={"Idempotency-Key": f"{verb}-{uid}"},
    )


def test_a_leaked_account_is_cut_off_and_what_it_saw_is_known(db: None) -> None:
    """Drill one."""
    world = World.small()
    thief, victim = browser(world, "inspector"), world.user("inspector")
    assert thief.get(f"{HERE}/home").status_code == 200
    read_event(world.principal("inspector"), "warning.warning", "0199-looked-at", reason="核实")

    security = browser(world, "security_admin")  # step 1
    rows = security.get(f"{HERE}/resources/accounts.account/rows?q={victim.username}").json()["rows"]
    (account,) = [row["uid"] for row in rows if row["values"]["username"] == victim.username]
    for verb in ("sign_out_everywhere", "deactivate"):
        answer = command(security, verb, account)
        assert answer.status_code == 200, answer.content.decode()
    assert thief.get(f"{HERE}/home").status_code == 401
    victim.refresh_from_db()
    assert victim.is_active is False

    audit = browser(world, "audit_admin")  # step 2
    seen = audit.get(f"{HERE}/resources/audit.reading/rows").json()["rows"]
    assert any("0199-looked-at" in json.dumps(row, ensure_ascii=False) for row in seen), seen[:2]
    while seal_pending(full=True):  # step 3
        pass
    assert verify().ok

    answer = command(security, "reactivate", account)  # step 4
    assert answer.status_code == 200, answer.content.decode()
    code = command(security, "issue_code", account)
    assert code.status_code == 200, code.content.decode()
    assert Event.objects.filter(actor__contains=str(world.user("security_admin").uid)).exists()


@pytest.fixture
def copy(house: House, tmp_path: Path) -> Iterator[Path]:
    """A data folder like the house's, to be spoilt."""
    place = tmp_path / "server"
    shutil.copytree(house.home, place)
    yield place


def manage(home: Path, *words: str, **extra: str) -> tuple[int, Any]:
    """`manage.py …` on a data folder, as the operator does it: exit code and the JSON it said."""
    env = {**os.environ, "QINGLIAN_HOME": str(home), "DJANGO_SETTINGS_MODULE": "core.settings.embedded"}
    env |= {"QINGLIAN_DATABASE_URL": "", "QINGLIAN_REDIS_URL": "", "QINGLIAN_SEARCH_URL": ""}
    env |= {"PYTHONPATH": str(ROOT), "QINGLIAN_KEYS_PASSPHRASE": PHRASE, **extra}
    done = subprocess.run(
        [sys.executable, "manage.py", *words, "--json"], cwd=ROOT, env=env, capture_output=True, text=True
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith(("{", "["))]
    assert lines, done.stdout + done.stderr
    return done.returncode, json.loads(lines[-1])


@pytest.mark.slow
def test_a_tampered_record_is_named_and_its_old_text_comes_from_a_good_backup(
    house: House, copy: Path, tmp_path: Path
) -> None:
    """Drill two: somebody with the database file rewrites one line of the record."""
    if connection.vendor != "sqlite":
        return  # the house is a SQLite file; the drill on PostgreSQL is tests/integration/keeping/test_postgresql.py
    with closing(sqlite3.connect(copy / "qinglian.sqlite3")) as db:
        number, row, old = db.execute(
            "SELECT l.number, c.id, c.changes FROM audit_leaf l JOIN audit_change c ON c.id = l.row AND l.kind = 'C'"
            " WHERE c.\"table\" = 'org_person' ORDER BY l.number LIMIT 1"
        ).fetchone()
        db.execute("UPDATE audit_change SET changes = ? WHERE id = ?", (old.replace(":", " :", 1), row))
        db.commit()
    code, told = manage(copy, "audit", "verify")  # step 2
    assert code == 1
    assert told["ok"] is False
    assert (told["first"]["what"], told["first"]["number"], told["first"]["row"]) == ("edited", number, row)

    code, sound = manage(copy, "backup", "verify", str(house.archive), "--keys", str(house.sealed))  # step 4
    assert code == 0 and sound["ok"]
    check = tmp_path / "check"
    code, back = manage(check, "backup", "restore", str(house.archive), "--keys", str(house.sealed))
    assert code == 0 and back["ok"], back
    with closing(sqlite3.connect(check / "qinglian.sqlite3")) as db:  # step 5
        assert db.execute("SELECT changes FROM audit_change WHERE id = ?", (row,)).fetchone() == (old,)
    assert manage(check, "audit", "verify")[1]["ok"] is True


@pytest.mark.slow
def test_a_lost_server_comes_back_elsewhere_from_backup_and_sealed_keys(house: House, tmp_path: Path) -> None:
    """Drill three: nothing is left but the archive, the sealed keys and the pass phrase."""
    if connection.vendor != "sqlite":
        return
    away, new = tmp_path / "away", tmp_path / "new-server"
    away.mkdir()
    archive = Path(shutil.copy2(house.archive, away))
    sealed = Path(shutil.copy2(house.sealed, away))
    code, said = manage(new, "backup", "restore", str(archive), "--keys", str(sealed))  # step 2
    assert code == 0 and said["ok"] and said["differences"] == [], said
    heads = (new / "log-heads.jsonl").read_bytes()  # step 3: the copy elsewhere is never shorter
    assert (house.home / "log-heads.jsonl").read_bytes().startswith(heads.rsplit(b"\n", 2)[0])
    code, status = manage(new, "status")  # step 4
    parts = {part["key"]: part for part in status["parts"]}
    assert parts["database"]["state"] == "ok"
    assert parts["keys"]["state"] == "ok"
    assert parts["log"]["state"] in {"ok", "warn"}, parts["log"]
    assert manage(new, "audit", "verify")[1]["ok"] is True
