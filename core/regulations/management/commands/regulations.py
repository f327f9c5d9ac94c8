"""`manage.py regulations load` and `regulations list --hospital SLUG [--unconfirmed] [--json]`."""

import json
from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.kernel import clock
from core.kernel.context import Actor, acting
from core.org.models import Hospital
from core.regulations.domain import NotInForce, value
from core.regulations.domain.load import load_defaults
from core.regulations.models import Rule


class Command(BaseCommand):
    """装入规则默认值、列出一家医院的规则"""

    help = "装入规则默认值（load），列出一家医院的规则（list）"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("verb", choices=["load", "list"])
        parser.add_argument("--hospital", default="", help="医院的网址名")
        parser.add_argument("--unconfirmed", action="store_true", help="只列未确认的")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["verb"] == "load":
            with acting(Actor("command", "regulations", "命令行")):
                made = load_defaults()
            self._say(options, {"written": made}, f"写入 {made} 个新版本，共 {Rule.objects.count()} 条规则。")
            return
        hospital = Hospital.objects.filter(slug=options["hospital"]).first()
        if hospital is None:
            raise CommandError("没有这家医院。请用 --hospital 写明医院的网址名。")
        rows = _rows(hospital, clock.today(hospital.zone))
        if options["unconfirmed"]:
            rows = [row for row in rows if not row["confirmed"]]
        lines = [f"{row['code']:<34}{row['title']}  {row['basis']}  {row['label']}" for row in rows]
        left = sum(not row["confirmed"] for row in rows)
        self._say(options, {"rules": rows, "unconfirmed": left}, "\n".join([*lines, f"未确认 {left} 条。"]))

    def _say(self, options: dict[str, Any], found: dict[str, Any], text: str) -> None:
        self.stdout.write(json.dumps(found, ensure_ascii=False, sort_keys=True) if options["json"] else text)


def _rows(hospital: Hospital, day: date) -> list[dict[str, Any]]:
    found = []
    for code in Rule.objects.filter(retired=False).values_list("code", flat=True):
        try:
            now = value(code, on=day, hospital=hospital)
        except NotInForce:
            continue
        found.append(
            {
                "code": code,
                "title": now.title,
                "basis": now.basis,
                "mark": now.mark,
                "confirmed": now.confirmed,
                "label": now.label,
                "version": now.version,
                "params": dict(now.params),
            }
        )
    return found
