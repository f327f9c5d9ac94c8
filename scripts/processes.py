"""Starting processes that outlive the command, and ending exactly those again.

Each started process gets a record file: pid, start time in clock ticks (a pid may be used again after a crash),
command line, and a random mark in its environment. All descendants inherit the mark, so orphans of a killed
leader are found as well, whatever process group they made for themselves. Linux only (/proc).
"""

import json
import os
import secrets
import signal
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

MARK = "QINGLIAN_PROCESS_MARK"


@dataclass(frozen=True)
class Record:
    """One process that was started; `path` is its record file."""

    pid: int
    started: int
    argv: list[str]
    mark: str


def start(argv: list[str], *, env: dict[str, str], log: Path, record: Path, cwd: Path) -> Record:
    """Start `argv` detached in a session of its own, its output appended to `log`, and write `record`."""
    mark = secrets.token_hex(12)
    log.parent.mkdir(parents=True, exist_ok=True)
    record.parent.mkdir(parents=True, exist_ok=True)
    _turn(log)
    with log.open("ab") as output:
        child = subprocess.Popen(
            argv,
            env={**env, MARK: mark},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    made = Record(child.pid, _start_ticks(child.pid) or 0, [str(part) for part in argv], mark)
    child.returncode = 0  # it is meant to outlive us: no ResourceWarning when this object goes
    new = record.with_suffix(".new")
    new.write_text(json.dumps(asdict(made)))
    new.replace(record)
    return made


def read(record: Path) -> Record | None:
    """The record in this file, None where there is none or it is broken."""
    try:
        return Record(**json.loads(record.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def running(made: Record) -> bool:
    """Whether this very process lives: same pid, same start time, same command line.

    The kernel shows no command line for the moment in which a started program takes the place of its parent's.
    """
    _reap(made.pid)
    return _start_ticks(made.pid) == made.started and _argv(made.pid) in (made.argv, [])


def stop(record: Path, grace: float = 20) -> bool:
    """End the recorded process and its descendants: SIGTERM to its group, SIGKILL after `grace` seconds. True if any lived."""
    made = read(record)
    if made is None:
        record.unlink(missing_ok=True)
        return False
    alive, family = running(made), _family(made)
    if alive:
        os.killpg(made.pid, signal.SIGTERM)
    else:
        _signal(family, signal.SIGTERM)
    until = time.monotonic() + grace
    while (left := _family(made)) and time.monotonic() < until:
        if not running(made):
            _signal(left, signal.SIGTERM)  # a dead leader no longer passes the word on
        time.sleep(0.1)
    while left := _family(made):
        _signal(left, signal.SIGKILL)
        time.sleep(0.05)
    record.unlink(missing_ok=True)
    return alive or bool(family)


def _family(made: Record) -> list[int]:
    """Living processes that carry the mark. Others' processes cannot be read and are none of ours."""
    _reap(made.pid)
    needle = f"{MARK}={made.mark}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if needle in (entry / "environ").read_bytes().split(b"\0") and _start_ticks(int(entry.name)):
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def _signal(pids: list[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def _start_ticks(pid: int) -> int | None:
    """Field 22 of /proc/PID/stat; None for no process and for a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def _argv(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")[:-1]
    except OSError:
        return []


def _reap(pid: int) -> None:
    """Collect it if it is our child, so that it does not stay a zombie."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


def _turn(log: Path, limit: int = 10_000_000) -> None:
    if log.exists() and log.stat().st_size > limit:
        log.replace(log.with_suffix(".log.1"))
