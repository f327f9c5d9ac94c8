"""`make down`: ends exactly the web and worker that `make up` started on this data folder."""

import os
from pathlib import Path

from scripts.environment import ROOT, locked
from scripts.say import run, say
from scripts.stack import Stack


def down() -> int:
    """Stop both; nothing running is fine too."""
    home = Path(os.environ.get("QINGLIAN_HOME") or ROOT / ".qinglian").expanduser().resolve()
    if not home.is_dir():
        say(f"没有在运行：数据目录 {home} 不存在。")
        return 0
    with locked(home):
        ended = Stack(home, 0).stop()
    say("清廉已结束，数据都在原处。" if ended else "没有在运行。")
    return 0


if __name__ == "__main__":
    run(down)
