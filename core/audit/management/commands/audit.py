"""`manage.py audit verify | seal | triggers | copy`."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.audit import heads
from core.audit.events import record
from core.audit.guard import check_triggers
from core.audit.sealer import seal_pending
from core.audit.state import verify_and_note
from core.kernel import clock
from core.kernel.context import Actor, acting


class Command(BaseCommand):
    """Ends with status 1 when something is wrong."""

    help = "审计记录：核对（verify）、封存（seal）、检查触发器（triggers）、另存签名（copy）"
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        for verb, label in (
            ("verify", "重新计算并核对全部记录"),
            ("seal", "封存尚未封存的记录"),
            ("triggers", "检查触发器"),
            ("copy", "把签名另存到 QINGLIAN_HEAD_COPY 指明的目录"),
        ):
            sub = verbs.add_parser(verb, help=label)
            sub.add_argument("--json", action="store_true", dest="as_json", help="输出 JSON")
            if verb == "copy":
                sub.add_argument(
                    "--restart", action="store_true", help="从备份恢复之后：旧的另存改名留存，重新开始"
                )

    def handle(self, *args: Any, verb: str, as_json: bool, **options: Any) -> None:
        self.restart = bool(options.get("restart"))
        found, lines, ok = getattr(self, f"_{verb}")()
        self.stdout.write(
            json.dumps(found, ensure_ascii=False, sort_keys=True) if as_json else "\n".join(lines)
        )
        if not ok:
            sys.exit(1)

    def _verify(self) -> tuple[dict[str, Any], list[str], bool]:
        report = verify_and_note()
        lines = [f"已核对 {report.size} 条，签名 {report.heads} 个（第二处 {report.heads_in_file} 个）"]
        if report.unsealed:
            lines.append(f"尚未封存 {report.unsealed} 条，最早的在 {report.oldest_unsealed_seconds:.0f} 秒前")
        lines += report.notes
        if report.first:
            lines.append(f"发现 {report.found} 处不符，最先的一处：{report.first.text}")
            lines += [one.text for one in report.findings if one is not report.first]
        else:
            lines.append("记录完整，没有被改动" if report.size else "还没有封存的记录可以核对")
        return report.as_json(), lines, report.ok

    def _seal(self) -> tuple[dict[str, Any], list[str], bool]:
        total = 0
        while count := seal_pending(full=True):
            total += count
        return {"sealed": total}, [f"已封存 {total} 条"], True

    def _copy(self) -> tuple[dict[str, Any], list[str], bool]:
        if heads.copy_file() is None:
            raise CommandError("没有设置 QINGLIAN_HEAD_COPY（审计签名另存的目录）。")
        aside = ""
        if self.restart:
            try:
                aside = heads.restart_copy(clock.now())
            except OSError as error:
                raise CommandError(f"另存的目录不能写入：{error.strerror}") from error
            with acting(Actor("command", "audit", "命令行 audit")):
                record("audit.copy_restarted", "audit", "copy", {"aside": aside})
        wrong = heads.copy_heads()
        state = heads.copy_state() or {}
        lines = [wrong or f"已另存到 {state['where']}，共 {state['size']} 条"]
        lines += [f"旧的另存改名为 {aside}"] if aside else []
        return {"ok": not wrong, "text": wrong, "aside": aside, **state}, lines, not wrong

    def _triggers(self) -> tuple[dict[str, Any], list[str], bool]:
        problems = check_triggers()
        return {"ok": not problems, "problems": problems}, problems or ["触发器齐全"], not problems
