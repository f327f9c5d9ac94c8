"""`make upgrade`: a production installation brought to the code that lies here. Also the first time. Web and worker are stopped.

Order: dependencies, plugins examined, a backup (unless the database is empty), tables, static files, `check --deploy`.
Stops at the first thing that fails and says what stands then and how to go on or back; nothing is started or stopped
here, that is systemd's.
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from scripts.environment import ROOT, ensure, locked
from scripts.say import Stop, run, say
from scripts.stack import Stack
from scripts.up import examine

PRODUCTION = "core.settings.production"
STANDING = "import json; from core.keeping.standing import standing; print(json.dumps(standing()))"
PAGE = "见 docs/operations/production.md“升级与退回”。"
UNTOUCHED = f"数据和数据表都没有改动：处理之后再运行 make upgrade，或换回原来的程序启动。{PAGE}"
FINISHED = "数据表已经更新，数据都在。处理之后再运行一次 make upgrade，它会从这里接着做。"


def upgrade() -> int:
    """Bring the installation up to date. Raises Stop with what failed."""
    settings = os.environ.setdefault("DJANGO_SETTINGS_MODULE", PRODUCTION)
    home, port = _chosen()
    with locked(home):
        ensure("production")
        stack = Stack(home, port)
        if (home / "restoring.json").exists():
            raise Stop(
                "上一次恢复在换入时中断。请先用同样的命令再恢复一次（backup restore …），再 make upgrade。"
            )
        examine(stack)
        bring(stack, deploy=settings.endswith("production"))
    say(
        f"已就绪（{settings}）。请启动：systemctl restart qinglian-web qinglian-worker，然后 deploy/bin/qinglian status"
    )
    return 0


def bring(stack: Stack, *, deploy: bool) -> None:
    """Backup, tables, static files, checks; `deploy` asks for a production's settings too. Raises Stop."""
    found = _last_json(_must(stack, "查看数据表", UNTOUCHED, "shell", "-v", "0", "-c", STANDING))
    if newer := found["newer"]:
        raise Stop(
            f"数据表比这份程序新（例如 {newer[-1]}，共 {len(newer)} 项）：这份程序不能用在这些数据上。"
            f"请换回升级之后的程序；要退回到这一版，先恢复升级之前的备份：backup restore 备份文件 --replace。{PAGE}"
        )
    after = UNTOUCHED
    if not found["pending"]:
        say("数据表已是最新。")
    else:
        if users := found["users"]:
            raise Stop(
                f"数据库还有别的程序在用（{'、'.join(users[:5])}）。请先结束网站与后台："
                f"systemctl stop qinglian-worker qinglian-web，再 make upgrade。{UNTOUCHED}"
            )
        kept = _backup(stack) if found["data"] else ""
        say(f"正在更新数据表（{len(found['pending'])} 项）…")
        _must(stack, "更新数据表", _half(kept), "migrate", "--no-input", "-v", "0")
        after = FINISHED
    say("正在收集静态文件 …")
    _must(stack, "收集静态文件", after, "collectstatic", "--no-input", "--clear", "-v", "0")
    strict = ["--deploy", "--fail-level", "WARNING"] if deploy else []
    _must(stack, "检查设置", after, "check", *strict)


def _chosen() -> tuple[Path, int]:
    """Data folder and port. Raises Stop naming what is missing or cannot be used."""
    if not os.environ.get("QINGLIAN_HOME"):
        raise Stop(
            "请先载入设置：set -a; . /etc/qinglian/qinglian.env; set +a，并设 QINGLIAN_HOME=/var/lib/qinglian"
        )
    home = Path(os.environ["QINGLIAN_HOME"]).expanduser().resolve()
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as error:
        raise Stop(
            f"环境变量 QINGLIAN_HOME（数据目录）{str(home)!r} 不能写入：{error.strerror}。"
            "请以服务的账户运行：runuser -u qinglian -- make upgrade，或改正目录的属主。"
        ) from None
    port = os.environ.get("QINGLIAN_PORT") or "8000"
    return home, int(port) if port.isdecimal() else 8000  # a wrong one is named by the settings


def _backup(stack: Stack) -> str:
    """Make one and give its file. Files that were missing on the disk before do not stop an upgrade; they are told."""
    say("正在备份（升级之前）…")
    done = stack.manage("backup", "make", "--json", timeout=None)
    try:
        made = _last_json(done.stdout)
        kept, gaps = str(made["file"]), list(made["gaps"])
    except (ValueError, KeyError, IndexError, TypeError):
        raise _failed(stack, "备份", UNTOUCHED, done.stdout + done.stderr, "backup", "make") from None
    say(f"升级之前的备份：{kept}")
    if gaps:
        say(
            f"注意：有 {len(gaps)} 个文件在升级之前就与数据库的登记不符，例如 {gaps[0]}。升级不受影响，请查明原因。"
        )
    return kept


def _half(kept: str) -> str:
    """What to say when the tables may be between two versions."""
    if not kept:
        return "库里还没有数据。处理之后再运行一次 make upgrade。"
    return (
        "数据表可能只更新了一部分，请不要启动网站。处理之后再运行一次 make upgrade，它会接着做；"
        f"要退回：换回原来的程序，再 deploy/bin/qinglian backup restore {kept} --replace。{PAGE}"
    )


def _must(stack: Stack, what: str, cure: str, *words: str) -> str:
    done = stack.manage(*words, timeout=None)
    if done.returncode:
        raise _failed(stack, what, cure, done.stdout + done.stderr, *words)
    return done.stdout


def _failed(stack: Stack, what: str, cure: str, said: str, *words: str) -> Stop:
    """The Stop for a step: a setting that refuses to start in its own words, a Problem in its sentence, else the last lines."""
    lines = said.strip().splitlines()
    if lines and lines[-1].startswith("无法启动："):
        return Stop(f"{lines[-1].removeprefix('无法启动：')}\n{cure}")
    try:
        text = str(json.loads(lines[-1])["detail"])
    except (IndexError, ValueError, KeyError, TypeError):
        broken = any(line.startswith("Traceback ") for line in lines)
        text = "\n".join(lines[-3:] if broken else lines[-15:])  # of a traceback only what went wrong
    shown = words if "-c" not in words else words[:1]
    return Stop(f"{what}没有成功（manage.py {' '.join(shown)}）：\n{text}\n{cure}")


def _last_json(said: str) -> Any:
    return json.loads(said.strip().splitlines()[-1])


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    run(upgrade)
