"""`manage.py backup make | list | verify | restore | drill | keys`: backups on the command line."""

import getpass
import json
import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.keeping import drill, make, read, restore, sealed_keys, shelf
from core.kernel.context import Actor
from core.kernel.errors import Problem
from core.vault.keys import Key

PHRASE = "QINGLIAN_KEYS_PASSPHRASE"
BY = Actor("command", "backup", "命令行 backup")


class Command(BaseCommand):
    """备份与恢复。出错时以 1 结束。"""

    help = "备份：make 制作、list 列出、verify 核对、restore 恢复、drill 恢复演练、keys 另行备份密钥"
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One parser per verb."""
        verbs = parser.add_subparsers(dest="verb", required=True)
        one = verbs.add_parser("make", help="制作一份备份，网站与后台可以照常运行")
        one.add_argument("--to", type=Path, default=None, help="目录；默认 QINGLIAN_BACKUP_DIR")
        one = verbs.add_parser("list", help="列出备份")
        one.add_argument(
            "--in", type=Path, default=None, dest="folder", help="目录；默认 QINGLIAN_BACKUP_DIR"
        )
        one = verbs.add_parser("verify", help="从头到尾读一遍，不写入任何内容")
        one.add_argument("file", type=Path)
        one.add_argument("--keys", type=Path, help="密钥备份文件")
        one = verbs.add_parser("restore", help="恢复到空的数据目录；恢复前先结束网站与后台")
        one.add_argument("file", type=Path)
        one.add_argument("--keys", type=Path, help="密钥备份文件")
        one.add_argument("--replace", action="store_true", help="先把现有数据移到旁边，再恢复")
        one = verbs.add_parser("drill", help="恢复演练：在临时目录恢复一份备份，核对后清除，记下结果")
        one.add_argument("file", type=Path, nargs="?", help="备份文件；默认最近一份每日备份")
        one.add_argument("--keys", type=Path, help="密钥备份文件；不给则用本机的密钥")
        one.add_argument("--database-url", default="", help="空的 PostgreSQL 数据库（本机用 PostgreSQL 时）")
        one.add_argument("--in", type=Path, default=None, dest="place", help="临时目录所在；默认系统临时目录")
        one = verbs.add_parser("keys", help=f"用口令封存全部密钥；口令取自 {PHRASE}，没有则询问")
        one.add_argument("--to", type=Path, required=True, help="密钥备份文件")
        for verb in verbs.choices.values():
            verb.add_argument("--json", action="store_true", dest="as_json", help="输出 JSON")

    def handle(self, *args: Any, verb: str, as_json: bool, **options: Any) -> None:
        """Run the verb; a Problem is one line, exit code 1."""
        try:
            ok, found, lines = getattr(self, f"_{verb}")(options, as_json)
        except Problem as problem:
            if as_json:
                self.stdout.write(json.dumps(problem.body(), ensure_ascii=False, sort_keys=True))
                sys.exit(1)
            raise CommandError(problem.detail) from problem
        self.stdout.write(
            json.dumps(found, ensure_ascii=False, sort_keys=True) if as_json else "\n".join(lines)
        )
        if not ok:
            sys.exit(1)

    def _make(self, options: dict[str, Any], as_json: bool) -> tuple[bool, Any, list[str]]:
        folder = (options["to"] or shelf.daily_folder()).expanduser().resolve()
        made = make.make(folder, by=BY, tick=self._tick(as_json))
        lines = [
            f"备份已完成并读回核对：{made.file}",
            f"  {made.size / 1e6:.1f} MB，{made.tables} 张表 {made.rows} 行，{made.files} 个文件，用时 {made.seconds:.1f} 秒",
            f"  审计日志 {(made.head or {}).get('size', 0)} 条；加密所用密钥 {made.key}",
            *made.notes,
        ]
        if made.gaps:
            lines.append(f"有 {len(made.gaps)} 处与数据库的登记不符，请查明原因：")
            lines += [f"  {gap}" for gap in made.gaps[:20]]
        return not made.gaps, made.as_json(), lines

    def _list(self, options: dict[str, Any], as_json: bool) -> tuple[bool, Any, list[str]]:
        folder = options["folder"] or shelf.daily_folder()
        found = shelf.entries(folder)
        kinds = {"daily": "每日", "manual": "手动"}
        lines = [
            f"{one.made_at or '?'}  {kinds.get(one.kind, '?')}  {one.size / 1e6:.1f} MB  {one.key}  {one.file}"
            + (f"  {one.problem}" if one.problem else "")
            for one in found
        ]
        return True, [one.as_json() for one in found], lines or [f"目录 {folder} 里还没有备份。"]

    def _verify(self, options: dict[str, Any], as_json: bool) -> tuple[bool, Any, list[str]]:
        keys, _ = self._keyring(options["keys"])
        found = read.verify(options["file"], keys, tick=lambda: None)
        about = found.about
        answer = {
            "ok": not found.gaps,
            "made_at": about["made_at"],
            "program": about["program"],
            "tables": len(about["counts"]),
            "rows": sum(about["counts"].values()),
            "files": len(found.files) - 3,
            "head": about["head"],
            "gaps": found.gaps,
        }
        lines = [
            f"备份完好：制作于 {about['made_at']}，{answer['tables']} 张表 {answer['rows']} 行，{answer['files']} 个文件",
            *(f"制作时就已不符：{gap}" for gap in found.gaps[:20]),
        ]
        return not found.gaps, answer, lines

    def _restore(self, options: dict[str, Any], as_json: bool) -> tuple[bool, Any, list[str]]:
        keys, signing = self._keyring(options["keys"])
        report = restore.restore(
            options["file"],
            by=BY,
            replace=options["replace"],
            keys=keys,
            signing=signing,
            say=(lambda text: None) if as_json else self._say,
        )
        head = (report.head or {}).get("size", 0)
        lines = [f"已恢复 {report.made_at} 的备份，用时 {report.seconds:.1f} 秒"]
        if report.ok:
            lines.append(
                f"核对一致：{report.tables} 张表 {report.rows} 行，{report.files} 个文件，审计日志 {head} 条完整"
            )
        lines += [f"不一致：{one}" for one in report.differences]
        lines += [f"制作时就已不符：{gap}" for gap in report.gaps[:20]]
        if report.aside:
            lines.append(f"原来的数据在 {report.aside}，确认无误后可自行删除")
        return report.ok, report.as_json(), lines + report.notes

    def _drill(self, options: dict[str, Any], as_json: bool) -> tuple[bool, Any, list[str]]:
        done = drill.drill(
            options["file"],
            by=BY,
            keys=options["keys"],
            database_url=options["database_url"],
            place=options["place"],
        )
        lines = [f"恢复演练：{done.file}，用时 {done.seconds:.1f} 秒"]
        if done.ok:
            lines.append(
                f"核对一致：{done.tables} 张表 {done.rows} 行，{done.files} 个文件，审计日志 {done.head} 条完整"
            )
        lines += [f"不一致：{one}" for one in done.differences]
        return done.ok, done.as_json(), lines

    def _keys(self, options: dict[str, Any], as_json: bool) -> tuple[bool, Any, list[str]]:
        target = options["to"].expanduser().resolve()
        ids = sealed_keys.seal_keys(target, self._phrase(twice=True))
        line = f"已封存 {len(ids)} 把密钥：{target}。请与备份分开保管，口令另外保管。"
        return True, {"file": str(target), "keys": ids}, [line]

    def _keyring(self, file: Path | None) -> tuple[dict[str, Key], str]:
        return sealed_keys.open_keys(file, self._phrase()) if file else ({}, "")

    def _phrase(self, *, twice: bool = False) -> str:
        if given := os.environ.get(PHRASE):
            return given
        if not sys.stdin.isatty():
            raise CommandError(f"请在环境变量 {PHRASE} 里给出密钥备份的口令。")
        phrase = getpass.getpass("密钥备份的口令：")
        if twice and getpass.getpass("再输入一次：") != phrase:
            raise CommandError("两次输入的口令不同，没有封存。")
        return phrase

    def _say(self, text: str) -> None:
        self.stdout.write(text)

    def _tick(self, as_json: bool) -> make.Tick:
        shown = {"note": ""}

        def tick(done: int, total: int, note: str) -> None:
            note = note if not total else f"写入 {100 * done // max(total, 1)}%"
            if note != shown["note"] and not as_json and sys.stderr.isatty():
                shown["note"] = note
                self.stderr.write(f"\r{note}    ", ending="")

        return tick
