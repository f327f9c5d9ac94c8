"""`manage.py plugins doctor`: each plugin is started in a process of its own, with a time limit, before the core takes it.

A child starts the core with the plugins found sound so far and one more, so a clash between two plugins is blamed on
the later one (required first, then by id). Runs before Django is set up: a plugin that ends or hangs the process on
import must not end the doctor.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path

from core.kernel import clock
from core.plugin_host import lock
from core.plugin_host.discover import Survey, survey
from core.plugin_host.manifest import Manifest

#: Seconds that one start may take.
LIMIT = 60.0


class CoreBroken(Exception):
    """The core does not start even without plugins: no plugin can be judged."""


def main(arguments: list[str]) -> int:
    """Examine, write the lock, tell. 0 also when plugins were quarantined: the core starts without them."""
    parser = ArgumentParser(prog="manage.py plugins doctor", description="逐个试启动插件，写入 plugins.lock")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--limit", type=float, default=LIMIT, help="每个插件的启动时限（秒）")
    asked = parser.parse_args(arguments)
    from django.conf import settings

    found = survey(settings.PLUGIN_FOLDERS)
    try:
        seen = examine(found, asked.limit)
    except CoreBroken as error:
        sys.stderr.write(f"平台本身不能启动，没有改动 plugins.lock：{error}\n")
        return 1
    lock.write(settings.HOME, seen, clock.now().isoformat())
    if asked.json:
        answer = {"plugins": [asdict(one) for one in seen], "broken": found.broken}
        sys.stdout.write(json.dumps(answer, ensure_ascii=False, sort_keys=True) + "\n")
        return 0
    for one in seen:
        sys.stdout.write(f"{'可用' if one.usable else '隔离'}  {one.id:<16} {one.name} {one.version}\n")
        if not one.usable:
            sys.stdout.write(f"      原因：{one.reason}\n      怎么办：{one.cure}\n")
    for place, reason in found.broken.items():
        sys.stdout.write(f"不可用  {place}：{reason}\n")
    return 0


def examine(found: Survey, limit: float) -> list[lock.Standing]:
    """What each plugin does when it is started. Raises CoreBroken."""
    sound: list[str] = []
    seen: dict[str, lock.Standing] = {}
    for manifest in _in_order(found.sound):
        missing = [need for need in manifest.requires if need not in sound]
        if missing:
            reason, cure = f"它需要的插件不可用：{'、'.join(missing)}", f"请先处理这些插件。{lock.AGAIN}"
        else:
            reason, cure = _try([*sound, manifest.id], manifest.id, limit)
        if reason and not missing and not _quarantines(seen):
            fault, _ = _try([], "", limit)
            if fault:
                raise CoreBroken(fault)
        if not reason:
            sound.append(manifest.id)
        seen[manifest.id] = lock.standing(manifest, reason, cure)
    return [seen[code] for code in sorted(seen)]


def _quarantines(seen: dict[str, lock.Standing]) -> bool:
    return any(not one.usable for one in seen.values())


def _in_order(manifests: dict[str, Manifest]) -> list[Manifest]:
    order: list[Manifest] = []
    visited: set[str] = set()

    def visit(code: str) -> None:
        if code in visited or code not in manifests:
            return
        visited.add(code)
        for need in sorted(manifests[code].requires):
            visit(need)
        order.append(manifests[code])

    for code in sorted(manifests):
        visit(code)
    return order


def _try(plugins: list[str], judged: str, limit: float) -> tuple[str, str]:
    """Start the core with these plugins; reason and cure, both empty when it went well."""
    with tempfile.TemporaryDirectory(prefix="qinglian-doctor-") as folder:
        said = Path(folder, "said.json")
        command = [sys.executable, "-m", "core.plugin_host.trial", str(said), judged, *plugins]
        with Path(folder, "output").open("wb") as output:
            child = subprocess.Popen(
                command,
                cwd=Path(__file__).resolve().parents[2],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
            late = not _ended(child, limit)
            _end_group(child)
        if late:
            return (
                f"启动时没有在 {limit:g} 秒内完成",
                f"请检查它导入时是否在等待网络、文件或死循环。{lock.AGAIN}",
            )
        try:
            answer = json.loads(said.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return (
                f"启动时直接结束了进程（返回值 {child.returncode}）",
                f"请检查它导入时执行的代码。{lock.AGAIN}",
            )
    return answer["reason"], answer["cure"]


def _ended(child: "subprocess.Popen[bytes]", limit: float) -> bool:
    until = time.monotonic() + limit
    while child.poll() is None:
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def _end_group(child: "subprocess.Popen[bytes]") -> None:
    """Whatever the plugin started goes with it."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    child.wait()
