"""`python -m benchmarks.jobs`: 60 × kill −9 of the worker at random times over 600 jobs; every job must have its effect once."""

import json
import subprocess
import sys

from benchmarks import row
from scripts.environment import ROOT

JOBS, KILLS = 600, 60


def main() -> int:
    """Run the suite of tests/faults in a process and data folder of its own. 1 if a job is lost or doubled."""
    command = [sys.executable, "-m", "tests.faults.kill_worker", "--jobs", str(JOBS), "--kills", str(KILLS)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        found = json.loads(done.stdout[done.stdout.index("{") :])
    except ValueError:
        row("杀死后台进程", "没有结果", "", False)
        return 1
    kills = found["kills_of_the_worker"] + found["kills_in_its_group"]
    row("杀死后台进程", f"{kills} 次", f"{KILLS}", kills == KILLS)
    row("写下的行", str(found["rows"]), f"{JOBS}", found["rows"] == JOBS)
    received = found["distinct_keys_received"]
    row("外部收到的不同编号", str(received), f"{JOBS}", received == JOBS)
    row("完成的作业", str(found["states"].get("done", 0)), f"{JOBS}", found["states"] == {"done": JOBS})
    row("没有送出的消息", str(found["outbox_left"]), "0", found["outbox_left"] == 0)
    row("重复送达（同一编号）", str(found["calls_received"] - received))
    row("用时", f"{found['seconds']:.0f} 秒")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
