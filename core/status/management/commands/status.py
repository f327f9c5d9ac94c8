"""`manage.py status`: the operator's page on the command line."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from core.status.board import board
from core.status.registry import State

MARKS = {"ok": "正常", "warn": "注意", "bad": "不正常"}


class Command(BaseCommand):
    """运行状态。有“不正常”的一项时以 1 结束。"""

    help = "各部分是否正常、下一步做什么"
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One switch."""
        parser.add_argument("--json", action="store_true", dest="as_json", help="输出 JSON")

    def handle(self, *args: Any, as_json: bool, **options: Any) -> None:
        """Ask every part; one line each, the next step below it."""
        found = board()
        if as_json:
            self.stdout.write(json.dumps(found.as_json(), ensure_ascii=False, sort_keys=True))
        else:
            for row in found.rows:
                self.stdout.write(f"{MARKS[row.said.state]}  {row.part.label}：{row.said.text}")
                if row.said.next_step:
                    self.stdout.write(f"      下一步：{row.said.next_step}")
                for label, value in row.said.figures:
                    self.stdout.write(f"      {label}：{value}")
        if found.overall is State.BAD:
            sys.exit(1)
