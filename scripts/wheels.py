"""`make wheels TO=folder`: every pinned dependency as a wheel, for machines without a network; `make up WHEELS=folder` uses it.

The folder says in `wheels.json` for which Python, machine and pins it was made, so that a wrong one is named before
pip fails over it.
"""

import hashlib
import json
import os
import platform
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from scripts.environment import CONSTRAINTS, ROOT, ensure, requirements
from scripts.say import Stop, run, say

NAME = "wheels.json"


def wheels() -> int:
    """Fill the folder named on the command line (default `wheels`)."""
    given = sys.argv[1] if len(sys.argv) > 1 and sys.argv[1] else "wheels"
    folder = Path(os.environ.get("PWD") or ROOT, given).expanduser().resolve()
    python = ensure()
    folder.mkdir(parents=True, exist_ok=True)
    say(f"正在下载全部依赖到 {folder}（首次约需一到三分钟）…")
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as needs:
        needs.write("\n".join(requirements(["production"])) + "\n")
        needs.flush()
        command: list[str | Path] = [python, "-m", "pip", "wheel", "--quiet", "--prefer-binary", "--no-input"]
        command += ["--disable-pip-version-check", "--wheel-dir", folder]
        command += ["--constraint", CONSTRAINTS, "--requirement", needs.name]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise Stop("下载没有完成，请检查网络：\n" + done.stdout.strip()[-1500:])
    files = sorted(path.name for path in folder.glob("*.whl"))
    about = {**made_for(), "pins": pins(), "files": {name: _sha256(folder / name) for name in files}}
    (folder / NAME).write_text(json.dumps(about, ensure_ascii=False, indent=1, sort_keys=True) + "\n")
    size = sum((folder / name).stat().st_size for name in files)
    say(f"{len(files)} 个安装包（{size / 1e6:.0f} MB）在 {folder}。")
    say(f"把项目和这个文件夹拷到没有外网的机器上，在那里运行：make up WHEELS={given}")
    return 0


def check(folder: Path) -> None:
    """Raise Stop unless the folder fits this machine and these pins, every file as it was made."""
    cure = "请在系统和 Python 版本相同、能上网的机器上，用同一份代码重新运行：make wheels TO=文件夹"
    try:
        about: dict[str, Any] = json.loads((folder / NAME).read_text())
        listed: dict[str, str] = dict(about["files"])
    except (OSError, ValueError, KeyError, TypeError):
        raise Stop(f"{folder} 里没有可用的 {NAME}，不是 make wheels 做成的文件夹。{cure}") from None
    for name, here in made_for().items():
        if about.get(name) != here:
            said = {"python": "Python 版本", "machine": "机器种类"}[name]
            raise Stop(f"安装包文件夹的{said}是 {about.get(name)}，这台机器是 {here}。{cure}")
    if about.get("pins") != pins():
        raise Stop(f"安装包文件夹是为另一版代码做的，依赖的版本不同。{cure}")
    for name, digest in listed.items():
        path = folder / name
        if _sha256(path) != digest:
            raise Stop(f"安装包 {name} 缺失或拷贝时损坏。请重新拷贝整个文件夹。")


def made_for() -> dict[str, str]:
    """What compiled packages depend on."""
    return {
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "machine": f"{sysconfig.get_platform()} {platform.libc_ver()[0]}",
    }


def pins() -> str:
    """A hash over what is wanted and the versions it is pinned to."""
    wanted = "\n".join([*requirements(["production"]), CONSTRAINTS.read_text(encoding="utf-8")])
    return hashlib.sha256(wanted.encode()).hexdigest()


def _sha256(path: Path) -> str:
    """The file's hash; "" for one that is not there or cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


if __name__ == "__main__":
    run(wheels)
