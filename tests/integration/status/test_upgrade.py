"""`make upgrade` below the installing of packages: what it does in which order, and what it says when a step fails."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from core.keeping import read
from core.keeping.standing import newer
from scripts import upgrade
from scripts.environment import ROOT
from scripts.say import Stop
from scripts.stack import Stack
from tests.support import template

#: An older installation: one hospital, and a table of this program not yet made.
OLDER = """
from django.core.management import call_command
from core.org.models import Hospital
Hospital.objects.create(slug="renmin", name="人民医院")
call_command("migrate", "status", "zero", verbosity=0)
"""


#: `manage.py` once loaded, then a fork for each command: nine starts of the program would cost minutes.
SERVER = """
import json, os, sys, traceback
import django
django.setup()
from django.core.management import execute_from_command_line
from core.kernel.context import Actor, actor_scope
for line in sys.stdin:
    words, out = json.loads(line)
    child = os.fork()
    if child == 0:
        code, file = 1, os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, 1), os.dup2(file, 2)
        try:
            with actor_scope(Actor("command", words[0], words[0])):
                execute_from_command_line(["manage.py", *words])
            code = 0
        except SystemExit as end:
            code = end.code or 0
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush(), sys.stderr.flush()
        os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Forking(Stack):
    """A stack whose commands run as children of one loaded program, each a process with connections of its own."""

    def serve(self) -> subprocess.Popen[str]:
        """Start the loaded program."""
        self.server = subprocess.Popen(
            [sys.executable, "-c", SERVER],
            cwd=ROOT,
            env=self.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self.server

    def manage(self, *words: str, timeout: float | None = None) -> subprocess.CompletedProcess[str]:
        """One command, as `manage.py` would run it."""
        out = self.home / "said"
        assert self.server.stdin and self.server.stdout
        print(json.dumps([words, str(out)]), file=self.server.stdin, flush=True)
        code = int(self.server.stdout.readline())
        return subprocess.CompletedProcess(list(words), code, out.read_text(), "")


@pytest.fixture
def older(tmp_path: Path) -> Iterator[Stack]:
    """A data folder as the former version left it."""
    servers = {"QINGLIAN_DATABASE_URL": "", "QINGLIAN_REDIS_URL": "", "QINGLIAN_SEARCH_URL": ""}
    given = servers | {"DJANGO_SETTINGS_MODULE": "core.settings.embedded", "QINGLIAN_LOG_LEVEL": "warning"}
    stack = Forking(tmp_path, 1, extra=given)
    made = template.copy_to(tmp_path / "qinglian.sqlite3")
    with stack.serve():  # its end closes the program's input, which ends it
        if not made:
            _manage(stack, "migrate", "--no-input", "-v", "0")
        _manage(stack, "shell", "-v", "0", "-c", OLDER)
        yield stack


def test_backup_first_then_tables_and_a_failed_step_can_be_carried_on(
    older: Stack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stack = older
    _sql(tmp_path, "CREATE TABLE status_sample (id integer)")  # in the way of the pending migration
    with pytest.raises(Stop) as stopped:
        upgrade.bring(stack, deploy=False)
    said = str(stopped.value)
    assert said.startswith("更新数据表没有成功（manage.py migrate")
    assert "已经存在" in said or "already exists" in said
    assert "不要启动网站" in said and "接着做" in said and "Traceback" not in said
    kept = next((tmp_path / "backups").glob("*.qlbackup"))
    assert f"backup restore {kept} --replace" in said
    with override_settings(HOME=tmp_path):
        about = read.verify(kept).about
    assert about["counts"]["org_hospital"] == 1 and "status.0001_initial" not in about["migrations"]
    assert _sql(tmp_path, "SELECT name FROM org_hospital") == [("人民医院",)]

    _sql(tmp_path, "DROP TABLE status_sample")
    capsys.readouterr()
    upgrade.bring(stack, deploy=False)
    lines = capsys.readouterr().out
    assert lines.index("升级之前的备份") < lines.index("正在更新数据表") < lines.index("正在收集静态文件")
    assert _sql(tmp_path, "SELECT count(*) FROM status_sample") == [(0,)]
    assert _sql(tmp_path, "SELECT name FROM org_hospital") == [("人民医院",)]
    assert list((tmp_path / "static" / "site" / "assets").glob("*.js"))
    assert len(list((tmp_path / "backups").glob("*.qlbackup"))) == 2


READY = {"pending": ["org.0009"], "newer": [], "data": True, "users": []}


class Fake(Stack):
    """A stack whose commands answer as told; `asked` are the commands, in order."""

    def __init__(self, home: Path, **answers: tuple[int, Any]) -> None:
        super().__init__(home, 1)
        good = {"shell": (0, READY), "backup": (0, {"file": "/b/one.qlbackup", "gaps": []})}
        self.answers = good | {"migrate": (0, ""), "collectstatic": (0, ""), "check": (0, "")} | answers
        self.asked: list[str] = []

    def manage(self, *words: str, timeout: float | None = None) -> subprocess.CompletedProcess[str]:
        """The answer to the first word."""
        assert timeout is None  # a backup or a migration takes as long as it takes
        self.asked.append(words[0])
        code, said = self.answers[words[0]]
        text = said if isinstance(said, str) else json.dumps(said)
        return subprocess.CompletedProcess(list(words), code, text, "")


ALL = ["shell", "backup", "migrate", "collectstatic", "check"]
FULL = {"code": "disk_full", "detail": "磁盘空间不足，备份没有做成。"}


@pytest.mark.parametrize(
    ("answers", "asked", "said"),
    [
        ({}, ALL, ""),
        ({"shell": (0, READY | {"data": False})}, ["shell", "migrate", "collectstatic", "check"], ""),
        ({"shell": (0, READY | {"pending": []})}, ["shell", "collectstatic", "check"], ""),
        ({"shell": (1, "Traceback (most recent call last):\nno route")}, ["shell"], "都没有改动"),
        ({"shell": (1, "无法启动：环境变量 QINGLIAN_PORT 不能用")}, ["shell"], "^环境变量 QINGLIAN_PORT"),
        ({"shell": (0, READY | {"newer": ["org.0099"]})}, ["shell"], "数据表比这份程序新（例如 org.0099"),
        ({"shell": (0, READY | {"users": ["4711"]})}, ["shell"], "别的程序在用（4711）"),
        ({"backup": (1, FULL)}, ALL[:2], "磁盘空间不足，备份没有做成。\n数据和数据表都没有改动"),
        ({"backup": (137, "")}, ALL[:2], "备份没有成功"),
        ({"backup": (1, {"file": "/b/x", "gaps": ["lake/a：磁盘上没有这个文件"]})}, ALL, ""),
        ({"migrate": (1, "boom")}, ALL[:3], "backup restore /b/one.qlbackup --replace"),
        ({"collectstatic": (1, "No space left")}, ALL[:4], "数据表已经更新，数据都在"),
        ({"check": (1, "security.W009")}, ALL, "security.W009\n数据表已经更新"),
    ],
)
def test_each_step_is_taken_once_and_the_first_failure_ends_it(
    tmp_path: Path, answers: dict[str, tuple[int, Any]], asked: list[str], said: str
) -> None:
    stack = Fake(tmp_path, **answers)
    if said:
        with pytest.raises(Stop, match=said):
            upgrade.bring(stack, deploy=True)
    else:
        upgrade.bring(stack, deploy=True)
    assert stack.asked == asked


def test_files_missing_before_are_told_and_stop_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gap = "lake/a：磁盘上没有这个文件"
    upgrade.bring(Fake(tmp_path, backup=(1, {"file": "/b/x", "gaps": [gap]})), deploy=True)
    assert gap in capsys.readouterr().out


def test_a_data_folder_of_another_account_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("QINGLIAN_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(Stop, match=r"QINGLIAN_HOME.*不能写入.*runuser"):
        upgrade._chosen()
    monkeypatch.delenv("QINGLIAN_HOME")
    with pytest.raises(Stop, match="请先载入设置"):
        upgrade._chosen()


def test_only_what_comes_after_our_last_migration_makes_the_tables_newer() -> None:
    known = [("org", "0001_initial"), ("org", "0009_x"), ("lake", "0002_y")]
    applied = [("org", "0001_initial"), ("org", "0005_squashed_away"), ("gone_app", "0001_initial")]
    assert newer(known, applied) == []
    assert newer(known, [*applied, ("org", "0010_later"), ("lake", "0002_y")]) == ["org.0010_later"]


def _manage(stack: Stack, *words: str) -> None:
    done = stack.manage(*words)
    assert done.returncode == 0, done.stdout + done.stderr


def _sql(home: Path, text: str) -> list[Any]:
    with closing(sqlite3.connect(home / "qinglian.sqlite3")) as db, db:
        return db.execute(text).fetchall()
