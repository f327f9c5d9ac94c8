"""`make up`: from a fresh checkout to a running Qinglian. Safe to repeat; stops and starts again only when something changed."""

import hashlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from scripts.environment import ROOT, VENV, ensure, locked
from scripts.say import Stop, run, say
from scripts.stack import Stack, port_free

#: What web and worker load at start: a change here means a restart.
CODE = ("core", "plugins", "search", "site/dist", "site/templates", "site/static", "site/locale", "manage.py")


def up() -> int:
    """Bring Qinglian up and say where it is."""
    began = time.monotonic()
    home, port, bind = chosen()
    with locked(home):
        ensure()
        stack = Stack(home, port, bind)
        before, now = _read(home / "run" / "stack.json"), _fingerprint(port, bind)
        if before.get("fingerprint") == now and stack.running() and stack.health() == 200:
            say(f"清廉已在运行：{stack.url}/")
            return _tell(stack)
        if stack.stop():
            say("已结束先前的进程，代码或设置有变化，重新启动。")
        if (home / "restoring.json").exists():
            raise Stop(
                "上一次恢复在换入时中断。请先用同样的命令再恢复一次（make restore FROM=…），再 make up。"
            )
        if not port_free(bind, port):
            raise Stop(f"端口 {port} 已被别的程序占用。请换一个，例如：QINGLIAN_PORT={port + 1} make up")
        prepare(stack)
        say("正在启动网站与后台 …")
        stack.start()
        (home / "run" / "stack.json").write_text(json.dumps({"fingerprint": now, "url": stack.url}))
    say(f"清廉已启动：{stack.url}/ （用时 {time.monotonic() - began:.0f} 秒）")
    return _tell(stack)


def chosen() -> tuple[Path, int, str]:
    """Data folder, port and address from the environment. Raises Stop naming the variable that cannot be used."""
    text = os.environ.get("QINGLIAN_PORT") or "8000"
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise Stop(f"环境变量 QINGLIAN_PORT（网站端口）的值 {text!r} 不能用：应是 1 到 65535 的整数")
    home = Path(os.environ.get("QINGLIAN_HOME") or ROOT / ".qinglian").expanduser().resolve()
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as error:
        raise Stop(
            f"环境变量 QINGLIAN_HOME（数据目录）{str(home)!r} 不能写入：{error.strerror}。请改目录权限，或另选一个目录"
        ) from None
    return home, int(text), os.environ.get("QINGLIAN_BIND") or "127.0.0.1"


def prepare(stack: Stack) -> None:
    """Plugins examined, tables current, static files current, demonstration loaded into an empty store."""
    examine(stack)
    say("正在更新数据表 …")
    _must(stack, "更新数据表", "migrate", "--no-input", "-v", "0")
    kept, now = stack.home / "run" / "static.sha256", _hash_files([ROOT / "site", ROOT / "constraints.txt"])
    if not (stack.home / "static").exists() or not kept.exists() or kept.read_text() != now:
        _must(stack, "收集静态文件", "collectstatic", "--no-input", "--clear", "-v", "0")
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(now)
    say("正在准备演示数据（仅在空库时装入）…")
    _must(stack, "装入演示数据", "demo", "load", "--if-empty")


def examine(stack: Stack) -> None:
    """Run `plugins doctor` when its lock is missing or older than code that it judged; tell what it put aside."""
    lock = stack.home / "plugins.lock"
    judged = [ROOT / name for name in ("core", "plugins", "search", "constraints.txt")]
    files = [path for place in judged for path in ([place] if place.is_file() else _walk(place))]
    if lock.exists() and lock.stat().st_mtime > max(path.stat().st_mtime for path in files + _installed()):
        return
    say("正在检查插件 …")
    done = _must(stack, "检查插件", "plugins", "doctor", "--json")
    for one in json.loads(done.splitlines()[-1])["plugins"]:
        if one["verdict"] != "ok":
            say(
                f"插件“{one['name']}”（{one['id']}）已隔离，平台照常启动。原因：{one['reason']}。{one['cure']}"
            )


def _installed() -> list[Path]:
    """Metadata of installed packages that bring a plugin."""
    found = []
    for points in (VENV / "lib").glob("python3.*/site-packages/*.dist-info/entry_points.txt"):
        if "qinglian.plugins" in points.read_text(encoding="utf-8", errors="replace"):
            found += [points, points.with_name("RECORD")]
    return [path for path in found if path.exists()]


def _must(stack: Stack, what: str, *arguments: str) -> str:
    done = stack.manage(*arguments)
    if done.returncode:
        lines = (done.stdout + done.stderr).strip().splitlines()
        if lines and lines[-1].startswith("无法启动："):
            raise Stop(lines[-1].removeprefix("无法启动："))
        raise Stop(f"{what}没有成功（manage.py {' '.join(arguments)}）：\n" + "\n".join(lines[-15:]))
    return done.stdout


def _tell(stack: Stack) -> int:
    accounts = stack.home / "demo-accounts.json"
    if accounts.exists():
        say(f"  演示账号：{accounts}（只有本机当前用户可读）")
    say(f"  数据目录：{stack.home}")
    say(f"  日志：{stack.home / 'log'}")
    say("  结束运行：make down")
    return 0


def _fingerprint(port: int, bind: str) -> str:
    settings = sorted(f"{name}={value}" for name, value in os.environ.items() if name.startswith("QINGLIAN_"))
    settings += [str(port), bind, os.environ.get("DJANGO_SETTINGS_MODULE", "")]
    files = _hash_files([*(ROOT / name for name in (*CODE, "constraints.txt")), *_installed()])
    return hashlib.sha256("\n".join([files, *settings]).encode()).hexdigest()


def _hash_files(places: list[Path]) -> str:
    """By name, size and time of change: reading 20 MB for a quick second `make up` would be waste."""
    seen = hashlib.sha256()
    for place in places:
        for path in [place] if place.is_file() else sorted(_walk(place)):
            state = path.stat()
            seen.update(f"{path.relative_to(ROOT)}:{state.st_size}:{state.st_mtime_ns}\n".encode())
    return seen.hexdigest()


def _walk(place: Path) -> list[Path]:
    found: list[Path] = []
    for folder, inner, names in os.walk(place):
        inner[:] = [name for name in inner if name not in {"__pycache__", "node_modules", "tests"}]
        found += [Path(folder, name) for name in names]
    return found


def _read(path: Path) -> dict[str, str]:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return {}


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    run(up)
