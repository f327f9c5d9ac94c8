"""Which process holds a lease, told so that another process of the same machine can see that it is gone."""

import os
from functools import lru_cache
from pathlib import Path


def this_process() -> str:
    """`boot/pid-namespace/pid/start-tick` of this process; only the pid where /proc is missing."""
    return f"{_machine()}/{os.getpid()}/{_start_tick(os.getpid())}"


def is_gone(owner: str) -> bool:
    """True if the process surely ended: same boot and pid namespace, and no such pid with that start tick.

    False says nothing: the process may live, or run on another machine, where only the lease tells.
    """
    machine, _, rest = owner.rpartition("/")
    machine, _, pid = machine.rpartition("/")
    if not machine or machine != _machine() or not pid.isdigit() or not rest:
        return False
    return _start_tick(int(pid)) != rest


@lru_cache
def _machine() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _start_tick(pid: int) -> str:
    """Field 22 of /proc/<pid>/stat (proc(5)): start time in clock ticks since boot. Empty for none or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]
