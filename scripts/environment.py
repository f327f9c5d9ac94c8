"""The virtual environment `.venv`: made, filled with pinned versions, and left alone while nothing changed."""

import fcntl
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.say import Stop, say

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
CONSTRAINTS = ROOT / "constraints.txt"
STAMP = VENV / "qinglian-stamp.json"


def ensure(*extras: str) -> Path:
    """The Python of `.venv` with the project's dependencies and these extras. Raises Stop with the cure."""
    with locked(ROOT):
        if not _works():
            _create()
        wanted, kept = _wanted(extras), _kept()
        if kept.get("pins") != wanted["pins"] or not set(extras) <= set(kept.get("extras", [])):
            everything = sorted({*extras, *(kept.get("extras", []))})
            _install(everything)
            STAMP.write_text(json.dumps({**wanted, "extras": everything}))
        _link()
    return PYTHON


def requirements(extras: list[str]) -> list[str]:
    """Dependencies of pyproject.toml with these extras, an extra that names the project's own extras resolved."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = list(project["dependencies"])
    for extra in extras:
        for line in project["optional-dependencies"][extra]:
            if line.startswith(project["name"] + "["):
                found += requirements(line.split("[")[1].rstrip("]").split(","))
            else:
                found.append(line)
    return list(dict.fromkeys(found))


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Two commands at once on one folder wait for each other; the lock is gone when the process is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _wanted(extras: tuple[str, ...]) -> dict[str, object]:
    everything = requirements(["production", "test"])
    text = "\n".join([*everything, CONSTRAINTS.read_text(encoding="utf-8")])
    return {"pins": hashlib.sha256(text.encode()).hexdigest(), "extras": sorted(extras)}


def _kept() -> dict:
    try:
        return json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}


def _works() -> bool:
    if not PYTHON.exists():
        return False
    check = "import sys, pip; sys.exit(sys.version_info < (3, 11))"
    if STAMP.exists():
        return True
    return subprocess.run([PYTHON, "-c", check], capture_output=True).returncode == 0


def _create() -> None:
    if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise Stop(
            f"这台机器的 Python {version} 没有 venv。请先安装：apt-get install python3-venv（或 python{version}-venv）"
        )
    say("正在建立 Python 环境 .venv …")
    done = subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], capture_output=True, text=True)
    if done.returncode:
        raise Stop(
            "不能建立 .venv。请确认已安装：apt-get install python3-venv，且项目目录可写。\n"
            + (done.stdout + done.stderr).strip()[-800:]
        )


def _install(extras: list[str]) -> None:
    say(f"正在安装依赖（{'、'.join(extras) or '默认部分'}，首次约需一到三分钟）…")
    STAMP.unlink(missing_ok=True)
    with tempfile.NamedTemporaryFile("w", suffix=".txt", prefix="qinglian-needs-") as needs:
        needs.write("\n".join(requirements(extras)) + "\n")
        needs.flush()
        command: list[str | Path] = [
            PYTHON,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--prefer-binary",
            "--no-input",
        ]
        command += ["--disable-pip-version-check", "--constraint", CONSTRAINTS, "--requirement", needs.name]
        command += _from_folder()
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise Stop(
            "依赖没有装好。请检查网络；没有外网的机器按 docs/operations/install.md 用离线安装包。\n"
            + done.stdout.strip()[-1500:]
        )


def _from_folder() -> list[str | Path]:
    """pip's options for QINGLIAN_WHEELS (`make up WHEELS=folder`): that folder and nothing else. Raises Stop if it does not fit."""
    given = os.environ.get("QINGLIAN_WHEELS", "")
    if not given:
        return []
    from scripts import wheels

    folder = Path(os.environ.get("PWD") or ROOT, given).expanduser().resolve()
    if not folder.is_dir():
        raise Stop(f"没有找到安装包文件夹 {folder}。请先在能上网的机器上运行：make wheels TO=文件夹")
    wheels.check(folder)
    return ["--no-index", "--find-links", folder]


def _link() -> None:
    """Let `.venv` import this checkout from anywhere, without building the project."""
    for packages in (VENV / "lib").glob("python3.*/site-packages"):
        path = packages / "qinglian.pth"
        if not path.exists() or path.read_text().strip() != str(ROOT):
            path.write_text(f"{ROOT}\n")


if __name__ == "__main__":
    from scripts.say import run

    def _command() -> int:
        ensure(*sys.argv[1:])
        return 0

    run(_command)
