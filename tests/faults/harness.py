"""A real worker in a data folder of its own: start, kill, stop, and look for what it leaves behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.support import template

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = os.environ.get("FAULTS_SETTINGS", "tests.faults.settings")


def environment(home: Path) -> dict[str, str]:
    """The variables of a process that works in `home` with the kill suites' app.

    SQLite and its queue, unless QINGLIAN_FAULTS_SERVERS=1 says to take the (empty) servers that the variables name.
    """
    values = {**os.environ, "QINGLIAN_HOME": str(home), "DJANGO_SETTINGS_MODULE": SETTINGS}
    values["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    values["QINGLIAN_LOG_LEVEL"] = "warning"
    if values.get("QINGLIAN_FAULTS_SERVERS") != "1":
        values.pop("QINGLIAN_DATABASE_URL", None)
        values.pop("QINGLIAN_REDIS_URL", None)
    return values


def migrate(home: Path) -> None:
    """Make the database of `home`."""
    if "QINGLIAN_DATABASE_URL" not in environment(home):
        template.copy_to(home / "qinglian.sqlite3")
    command = [sys.executable, "manage.py", "migrate", "--run-syncdb", "--verbosity", "0"]
    subprocess.run(command, cwd=ROOT, env=environment(home), check=True)


class Worker:
    """A running `manage.py worker`; its log is `worker.log` in the data folder."""

    def __init__(self, home: Path) -> None:
        self.home = home
        with (home / "worker.log").open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "worker"],
                cwd=ROOT,
                env=environment(home),
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def wait_ready(self, seconds: float = 120) -> None:
        """Wait until both the loop and the workers stand (the consumer, its scheduler, its workers)."""
        limit = time.monotonic() + seconds
        while len(self.children()) < 4:
            if self.process.poll() is not None or time.monotonic() > limit:
                raise RuntimeError(
                    f"the worker does not start: {(self.home / 'worker.log').read_text()[-2000:]}"
                )
            time.sleep(0.02)

    def children(self) -> list[int]:
        """The processes under it, however deep."""
        return descendants(self.process.pid)

    def kill(self) -> list[int]:
        """kill −9 of the command alone; gives the processes it had."""
        left = self.children()
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        return left

    def stop(self) -> float:
        """SIGTERM; the seconds until it and all under it are gone."""
        family = [self.process.pid, *self.children()]
        start = time.monotonic()
        self.process.terminate()
        self.process.wait(timeout=10)
        wait_gone(family, 10)
        return time.monotonic() - start


def descendants(pid: int) -> list[int]:
    """All processes under `pid`, by /proc."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            parents.setdefault(int(fields[1]), []).append(int(entry.parent.name))
    found, todo = [], [pid]
    while todo:
        below = parents.get(todo.pop(), [])
        found.extend(below)
        todo.extend(below)
    return found


def is_running(pid: int) -> bool:
    """True for a living process, False for none or a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def wait_gone(pids: list[int], seconds: float) -> None:
    """Wait until none of `pids` runs. Raises AssertionError naming those left."""
    limit = time.monotonic() + seconds
    while left := [pid for pid in pids if is_running(pid)]:
        if time.monotonic() > limit:
            raise AssertionError(f"processes left behind: {left}")
        time.sleep(0.01)


def running_in(home: Path) -> list[int]:
    """Processes whose environment names this data folder, this one aside."""
    wanted = f"QINGLIAN_HOME={home}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            if wanted in entry.read_bytes().split(b"\0") and int(entry.parent.name) != os.getpid():
                found.append(int(entry.parent.name))
        except OSError:
            continue
    return [pid for pid in found if is_running(pid)]
