"""`manage.py demo load [--if-empty]` and `demo accounts [--renew]`."""

import json
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.kernel.errors import Problem
from core.policy.roles import role_label
from core.testing import demo


class Command(BaseCommand):
    """装入演示数据、查看演示账号"""

    help = "装入演示数据（load），查看或更换演示账号的密码（accounts）"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("verb", choices=["load", "accounts"])
        parser.add_argument("--if-empty", action="store_true", help="仅在空库时装入；上次中断的接着装")
        parser.add_argument("--renew", action="store_true", help="为所有演示账号换新密码")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            (self._load if options["verb"] == "load" else self._accounts)(options)
        except (Problem, demo.DemoFailed) as error:
            raise CommandError(getattr(error, "detail", "") or str(error)) from error

    def _load(self, options: dict[str, Any]) -> None:
        began = time.monotonic()

        def say(text: str) -> None:
            if not options["json"]:
                self.stdout.write(f"[{time.monotonic() - began:5.1f} 秒] {text}")

        world = demo.load(if_empty=options["if_empty"], say=say)
        if options["json"]:
            self.stdout.write(
                json.dumps({"loaded": world is not None, "state": demo.state()}, sort_keys=True)
            )
        elif world is None:
            self.stdout.write("数据库不是空的，没有装入演示数据。")
        else:
            say(f"演示数据已装入，账号见 {demo.accounts_path()}")

    def _accounts(self, options: dict[str, Any]) -> None:
        path = demo.accounts_path()
        if options["renew"]:
            demo.renew_accounts()
        if not path.exists():
            raise CommandError("没有演示账号文件。请先执行 demo load。")
        accounts = json.loads(path.read_text(encoding="utf-8"))
        shown = [{key: value for key, value in account.items() if key != "password"} for account in accounts]
        if options["json"]:
            self.stdout.write(
                json.dumps({"file": str(path), "accounts": shown}, ensure_ascii=False, sort_keys=True)
            )
            return
        for account in shown:
            role = "平台管理员" if account["role"] == "platform_admin" else role_label(account["role"])
            self.stdout.write(f"{account['username']:<30} {account['name']}  {role}")
        self.stdout.write(f"密码在 {path}，只有本机当前用户可读。")
