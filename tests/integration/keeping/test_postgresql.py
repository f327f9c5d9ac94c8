"""The drill on PostgreSQL, by the commands that an operator types, on two databases of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

ROOT = Path(__file__).resolve().parents[3]
FULL, EMPTY = "qinglian_keeping_full", "qinglian_keeping_empty"
pytestmark = pytest.mark.postgres


def address(name: str) -> str:
    return urlunsplit(urlsplit(os.environ["QINGLIAN_DATABASE_URL"])._replace(path=f"/{name}"))


@pytest.fixture
def databases() -> Iterator[None]:
    """Two empty databases, gone afterwards."""
    with psycopg.connect(os.environ["QINGLIAN_DATABASE_URL"], autocommit=True) as server:
        for name in (FULL, EMPTY):
            server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            server.execute(f"CREATE DATABASE {name}")
        yield
        for name in (FULL, EMPTY):
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def run(home: Path, name: str, *words: str, code: int = 0) -> str:
    home.mkdir(exist_ok=True, mode=0o700)
    env = {**os.environ, "QINGLIAN_HOME": str(home), "QINGLIAN_DATABASE_URL": address(name)}
    env |= {"DJANGO_SETTINGS_MODULE": "core.settings.embedded", "PYTHONPATH": str(ROOT)}
    env |= {"QINGLIAN_KEYS_PASSPHRASE": "an honest long pass phrase", "QINGLIAN_REDIS_URL": ""}
    done = subprocess.run([sys.executable, *words], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == code, done.stdout[-2000:] + done.stderr[-3000:]
    return done.stdout + (done.stderr if code else "")


def counts(name: str) -> dict[str, int]:
    with psycopg.connect(address(name)) as asked:
        tables = asked.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        return {t: asked.execute(f'SELECT count(*) FROM public."{t}"').fetchone()[0] for (t,) in tables}


def hashes(home: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(home)): p.read_bytes()
        for folder in ("lake", "files", "media")
        for p in (home / folder).rglob("*")
        if p.is_file() and p.name != "stray.parquet"
    }


def test_the_drill(databases: None, tmp_path: Path) -> None:
    home, other = tmp_path / "home", tmp_path / "other"
    run(home, FULL, "tests/integration/keeping/house.py", "build")
    before = counts(FULL)
    made = json.loads(run(home, FULL, "manage.py", "backup", "make", "--to", str(tmp_path), "--json"))
    assert made["gaps"] == [] and made["rows"] == sum(before.values())
    run(home, FULL, "manage.py", "backup", "keys", "--to", str(tmp_path / "keys"), "--json")
    words = ["manage.py", "backup", "restore", made["file"], "--keys", str(tmp_path / "keys"), "--json"]
    report = json.loads(run(other, EMPTY, *words))
    assert report["ok"] and report["head"] == made["head"] and report["rows"] == made["rows"]
    after = counts(EMPTY)
    assert after.pop("audit_event") == before.pop("audit_event") + 1  # the restore itself
    assert after == before
    assert hashes(other) == hashes(home)
    assert json.loads(run(other, EMPTY, "manage.py", "audit", "verify", "--json"))["ok"]
    assert json.loads(run(other, EMPTY, "manage.py", "audit", "triggers", "--json"))["ok"]

    # a place with data is refused; with leave, the old tables move into a schema of their own
    assert "已有数据" in run(other, EMPTY, *words, code=1)
    report = json.loads(run(other, EMPTY, *words, "--replace"))
    assert report["ok"] and "DROP SCHEMA before_restore" in report["notes"][0]
    assert counts(EMPTY) | {"audit_event": 0} == before | {"audit_event": 0}

    # half an archive leaves everything as it is
    (tmp_path / "half").write_bytes(Path(made["file"]).read_bytes()[:2_000_000])
    run(other, EMPTY, *words[:3], str(tmp_path / "half"), *words[4:], "--replace", code=1)
    assert counts(EMPTY) | {"audit_event": 0} == before | {"audit_event": 0}
