"""`make backup` and `make restore`: `manage.py backup` on the data folder of `make up`."""

import os
import subprocess
import sys
from pathlib import Path

from scripts.environment import ROOT, ensure
from scripts.say import Stop, run
from scripts.stack import Stack
from scripts.up import chosen

MAKE = "make backup TO=目录"
RESTORE = "make restore FROM=备份文件 [KEYS=密钥备份文件] [REPLACE=1]"


def backup() -> int:
    """Make or restore; the words on the command line may be empty, as make gives them."""
    verb, *words = sys.argv[1:]
    home, port, bind = chosen()
    ensure()
    stack = Stack(home, port, bind)
    if verb == "make":
        return _manage(stack, "make", *(["--to", _path(words[0])] if words[0] else []))
    source, keys, replace = words
    if not source:
        raise Stop(f"请写明要恢复的备份文件：{RESTORE}")
    if stack.running():
        raise Stop("网站与后台还在运行。请先 make down，再恢复。")
    options = ["--keys", _path(keys)] if keys else []
    return _manage(stack, "restore", _path(source), *options, *(["--replace"] if replace == "1" else []))


def _manage(stack: Stack, *words: str) -> int:
    command = [str(stack.python), "manage.py", "backup", *words]
    return subprocess.run(command, cwd=ROOT, env=stack.env).returncode


def _path(text: str) -> str:
    """As seen from where make was called."""
    return str(Path(os.environ.get("PWD") or ROOT, text).expanduser())


if __name__ == "__main__":
    run(backup)
