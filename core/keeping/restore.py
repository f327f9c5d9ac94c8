"""Putting a backup back: everything is read, checked and laid beside first; only then is anything replaced.

Into an empty place, or with `replace`, which moves what is there aside. Afterwards what lies there is compared with
what the archive says of itself: rows of every table, hash of every file, head of the log, the log itself.
"""

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.db.migrations.executor import MigrationExecutor

from core.audit.events import record
from core.audit.guard import check_triggers
from core.audit.verify import verify as verify_log
from core.keeping import contents, database, read, shelf, swap
from core.keeping.read import Found
from core.keeping.swap import Part
from core.kernel import clock
from core.kernel.context import Actor, acting, actor_scope
from core.kernel.disk import FULL, ensure_folder, fsync_file
from core.kernel.errors import FieldError, Problem, Refused
from core.vault.keys import Key, KeyUnavailable, current_key, key_ids, put_key

Say = Callable[[str], None]


@dataclass
class Report:
    """What was put back and how it compares with what the archive says. `ok`: everything agrees."""

    file: str
    made_at: str = ""
    seconds: float = 0.0
    tables: int = 0
    rows: int = 0
    files: int = 0
    head: dict[str, Any] | None = None
    migrated: list[str] = field(default_factory=list)
    aside: str = ""
    differences: list[str] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether everything agrees with the archive."""
        return not self.differences

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {"ok": self.ok, **asdict(self)}


@dataclass
class _Plan:
    """Where things are laid before they are switched."""

    stage: Path
    aside: Path
    replace: bool
    keys: Mapping[str, Key]
    signing: str


def restore(
    path: Path,
    *,
    by: Actor,
    replace: bool = False,
    keys: Mapping[str, Key] | None = None,
    signing: str = "",
    say: Say = lambda text: None,
) -> Report:
    """Put `path` back. `keys`, `signing`: from the sealed key file. Web and worker must be ended.

    Raises Problem with nothing touched; what differs afterwards stands in the report.
    """
    began, stamp = time.monotonic(), clock.now()
    home = Path(settings.HOME)
    aside = home / f"before-restore-{stamp:%Y%m%dT%H%M%SZ}"
    report = Report(str(path))
    with shelf.alone():
        if swap.carry_on():
            say("上一次恢复在换入时中断，已先把它接着做完。")
        with shelf.workshop() as stage:
            plan = _Plan(stage, aside, replace, keys or {}, signing)
            try:
                found = _lay(path, plan, report, say)
                _put(found, plan, report, say)
            except OSError as error:
                if error.errno in FULL:
                    raise _full() from error
                raise
        _compare_after(found, report, say)
    report.files = len(found.files) - 3
    report.made_at, report.head, report.gaps = found.about["made_at"], found.about["head"], found.gaps
    report.aside = str(aside) if aside.exists() else ""
    _catch_up(found, report, by, say)
    report.seconds = round(time.monotonic() - began, 2)
    return report


def _lay(path: Path, plan: _Plan, report: Report, say: Say) -> Found:
    """Read the whole archive into the stage. Raises Problem for anything that does not fit."""

    def first(about: dict[str, Any]) -> None:
        _fits(about, plan)
        need = path.stat().st_size + int(about["database"]["size"])
        if need > shutil.disk_usage(plan.stage).free:
            raise _full()
        say(f"备份制作于 {about['made_at']}，正在读取、解密并核对 …")

    def take(name: str, pieces: Iterator[bytes]) -> None:
        target = plan.stage / name
        ensure_folder(target.parent)
        with open(target, "xb", opener=_private) as out:
            for piece in pieces:
                out.write(piece)
            out.flush()
            os.fsync(out.fileno())

    found = read.walk(path, plan.keys, first, take)
    for folder in contents.FOLDERS:
        ensure_folder(plan.stage / folder)
    if found.vendor == "sqlite":
        with database.opened(plan.stage / database.MEMBERS["sqlite"]) as copy:
            _compare_named(copy, found, report)
            _compare_counts(copy, found, report)
        if report.differences:
            raise Problem(
                "bad_file", "备份与它自己的说明不符，没有恢复：" + "；".join(report.differences[:3]), 422
            )
    return found


def _fits(about: dict[str, Any], plan: _Plan) -> None:
    """Database kind, keys, and an empty or replaceable place. Raises Problem."""
    live = connections["default"]
    vendor, names = about["database"]["vendor"], {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
    if vendor != live.vendor:
        raise Refused(
            f"这份备份的数据库是 {names[vendor]}，当前设置是 {names.get(live.vendor, live.vendor)}："
            "请按备份设置 QINGLIAN_DATABASE_URL 后再恢复；现有数据没有改动。"
        )
    here = set(key_ids()) | set(plan.keys)
    if missing := [one for one in about["keys"] if one not in here]:
        raise Refused(
            f"缺少密钥 {'、'.join(missing)}，恢复后数据读不出来：请用 KEYS=密钥备份文件 指明密钥备份；现有数据没有改动。"
        )
    for name, wanted in about["current_keys"].items():
        if key_ids(name) and key_ids(name)[-1].startswith(f"{name}-env-") and key_ids(name)[-1] != wanted:
            raise Refused(
                f"环境变量 QINGLIAN_KEY_{name.upper()} 里的密钥不是备份时的 {wanted}：请改正后再恢复；现有数据没有改动。"
            )
    if others := database.users():
        raise Refused(
            f"数据库还有别的程序在用（{'、'.join(others[:5])}）：请先结束网站与后台（make down），再恢复；现有数据没有改动。"
        )
    if not plan.replace and (there := _there()):
        raise Refused(
            f"这里已有数据（{'、'.join(there)}）。恢复只写入空的数据目录和空的数据库；"
            "确要替换时加 REPLACE=1（命令行 --replace），现有数据会先移到旁边，不会删除。"
        )


def _there() -> list[str]:
    """What makes the place not empty."""
    home = Path(settings.HOME)
    found = [] if database.is_empty() else ["数据库"]
    for name in contents.FOLDERS:
        if any(path.is_file() for path in (home / name).rglob("*")):
            found.append(name)
    if (home / contents.HEADS).exists():
        found.append(contents.HEADS)
    return found


def _put(found: Found, plan: _Plan, report: Report, say: Say) -> None:
    """Keys, then the database's import (PostgreSQL), then the switch."""
    home, live = Path(settings.HOME), connections["default"]
    parts = [Part(str(plan.stage / n), str(home / n), str(plan.aside / n)) for n in contents.FOLDERS]
    parts.append(Part(*(str(place / contents.HEADS) for place in (plan.stage, home, plan.aside))))
    back: Callable[[], None] | None = None
    if found.vendor == "sqlite":
        name = Path(live.settings_dict["NAME"])
        staged = _beside(plan.stage / database.MEMBERS["sqlite"], name)
        parts.append(Part(str(staged), str(name), str(plan.aside / name.name)))
    else:
        say("正在装入 PostgreSQL …")
        old = plan.aside.name.lower().replace("-", "_") if not database.is_empty() else None
        back = database.put_back(plan.stage / database.MEMBERS["postgresql"], aside=old, tick=lambda: None)
        if old:
            report.notes.append(
                f"原来的数据表在数据库的模式 {old} 里；确认无误后可删除：DROP SCHEMA {old} CASCADE"
            )
        with database.reading_live() as copy:
            _compare_named(copy, found, report)
            _compare_counts(copy, found, report)
        if report.differences:
            back()
            raise Problem(
                "bad_file", "装入的数据与备份的说明不符，没有恢复：" + "；".join(report.differences[:3]), 422
            )
    try:
        _put_keys(found.about, plan)
        live.close()
        if found.vendor == "sqlite" and database.is_empty():
            for end in ("", "-wal", "-shm"):
                Path(str(name) + end).unlink(missing_ok=True)
        say("核对无误，正在换入 …")
        swap.switch(parts)
    except BaseException:
        if back and not swap.plan_file().exists():
            back()
        raise


def _put_keys(about: dict[str, Any], plan: _Plan) -> None:
    """The keys of the data; other keys of the same names step aside, so that the right one is the current one."""
    folder = ensure_folder(Path(settings.HOME) / "keys")
    try:
        for key in plan.keys.values():
            put_key(key)
    except KeyUnavailable as error:
        raise Refused(f"{error}；现有数据没有改动。") from error
    wanted = set(about["keys"])
    for one in key_ids():
        name, file = one.partition("-")[0], folder / f"{one}.key"
        if one not in wanted and name in about["current_keys"] and file.exists():
            ensure_folder(plan.aside / "keys")
            shutil.move(file, plan.aside / "keys" / file.name)
    kept = folder / "secret_key"
    if plan.signing and not plan.replace and not os.environ.get("QINGLIAN_SECRET_KEY"):
        draft = folder / ".secret_key.new"
        draft.unlink(missing_ok=True)
        with open(draft, "x", opener=_private) as out:
            out.write(plan.signing)
        draft.replace(kept)


def _compare_named(copy: database.Snapshot, found: Found, report: Report) -> None:
    """Exactly the files that the database names, those known to be missing aside, each with the hash of its row."""
    gaps = {gap.partition("：")[0] for gap in found.gaps}
    named = {one.name: one.sha256 for one in contents.wanted(copy)}
    others = {name for name in found.files if contents.is_safe(name)}
    for name in sorted(set(named) - others - gaps):
        report.differences.append(f"缺少文件 {name}")
    for name in sorted(others - set(named)):
        report.differences.append(f"多出文件 {name}")
    for name in sorted(others & set(named) - gaps):
        if named[name] and named[name] != found.files[name]["sha256"]:
            report.differences.append(f"文件 {name} 的校验和不符")
    if contents.head_of(copy) != found.about["head"]:
        report.differences.append("审计日志最后的签名与备份不符")


def _compare_counts(copy: database.Snapshot, found: Found, report: Report) -> None:
    counts, said = copy.counts(), found.about["counts"]
    for table in sorted(set(counts) | set(said)):
        if counts.get(table) != said.get(table):
            report.differences.append(f"表 {table}：备份 {said.get(table)} 行，恢复后 {counts.get(table)} 行")
    report.tables, report.rows = len(counts), sum(counts.values())


def _compare_after(found: Found, report: Report, say: Say) -> None:
    """What lies there now: rows, the bytes of every file, the head, the whole log, the triggers."""
    say("正在核对恢复后的每一张表、每一个文件和审计日志 …")
    with database.reading_live() as live:
        _compare_counts(live, found, report)
        _compare_named(live, found, report)
    for name, said in found.files.items():
        if contents.is_safe(name) and _hash(Path(settings.HOME) / name) != said["sha256"]:
            report.differences.append(f"文件 {name} 恢复后的内容不符")
    connections["default"].close()
    log = verify_log()
    if log.first:
        report.differences.append(f"审计日志：{log.first.text}")
    head = found.about["head"]
    if head and (log.size, log.root) != (head["size"], head["root"]):
        report.differences.append(f"审计日志应有 {head['size']} 条，恢复后 {log.size} 条")


def _catch_up(found: Found, report: Report, by: Actor, say: Say) -> None:
    """Bring an older state to this program's tables, look at the triggers, and note the restore in the log."""
    live = connections["default"]
    executor = MigrationExecutor(live)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    different = check_triggers()
    if plan or different:
        say(f"备份来自另一版本的程序，正在更新数据表（{len(plan)} 项）和审计触发器（{len(different)} 处）…")
        with actor_scope(by):
            call_command("migrate", interactive=False, verbosity=0)
        report.migrated = [f"{step.app_label}.{step.name}" for step, _ in plan]
        if different and not plan:
            report.notes.append(
                f"备份里的审计触发器与本程序不同，已重建（{len(different)} 处）：{different[0]}"
            )
    report.differences += check_triggers()
    if report.ok:
        with acting(by):
            data = {"made_at": found.about["made_at"], "head": (found.about["head"] or {}).get("size", 0)}
            record("backup.restored", "backup", Path(report.file).name, data)
    for name, wanted in found.about["current_keys"].items():
        if current_key(name).id != wanted:
            report.differences.append(f"现用的密钥 {name} 应是 {wanted}，现在是 {current_key(name).id}")


def _beside(staged: Path, target: Path) -> Path:
    """The staged database on the disk of its target, so that the switch is one rename."""
    ensure_folder(target.parent)
    if staged.stat().st_dev == target.parent.stat().st_dev:
        return staged
    near = target.with_name(f".{target.name}.restoring")
    shutil.copyfile(staged, near)
    near.chmod(0o600)
    fsync_file(near)
    return near


def _hash(path: Path) -> str:
    try:
        with closing(path.open("rb")) as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""


def _full() -> Problem:
    cure = "请清理磁盘后重试。"
    return Problem(
        "disk_full",
        f"磁盘空间不足，没有恢复。{cure}现有数据没有改动。",
        507,
        [FieldError(message="磁盘空间不足。", cure=cure)],
    )


def _private(file: str, flags: int) -> int:
    return os.open(file, flags, 0o600)
