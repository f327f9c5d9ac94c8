"""`manage.py org health [--hospital SLUG] [--json]` and `org calendar [--json]`."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.kernel.context import Actor, acting
from core.org.domain import health
from core.org.domain.place import known_days, load_calendar
from core.org.models import Hospital


class Command(BaseCommand):
    """组织信息的缺漏、节假日"""

    help = "列出组织信息的缺漏（health），录入国务院办公厅公布的节假日（calendar）"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("verb", choices=["health", "calendar"])
        parser.add_argument("--hospital", default="", help="医院的网址名；不写则为所有医院")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        (self._health if options["verb"] == "health" else self._calendar)(options)

    def _health(self, options: dict[str, Any]) -> None:
        slug = options["hospital"]
        hospitals = list(Hospital.objects.filter(**({"slug": slug} if slug else {})))
        if slug and not hospitals:
            raise CommandError(f"没有网址名为“{slug}”的医院。请核对 --hospital。")
        answer = []
        for hospital in hospitals:
            found = health.findings(hospital)
            answer.append(
                {
                    "hospital": hospital.slug,
                    "sentence": health.sentence(found),
                    "items": [{"code": item.code, "n": item.n, "text": item.text} for item in found],
                }
            )
            if not options["json"]:
                self.stdout.write(f"{hospital.name}：{health.sentence(found)}")
        if options["json"]:
            self.stdout.write(json.dumps({"hospitals": answer}, ensure_ascii=False, sort_keys=True))

    def _calendar(self, options: dict[str, Any]) -> None:
        with acting(Actor("command", "org", "命令行")):
            written = load_calendar()
        last = known_days()[-1][0].year
        if options["json"]:
            self.stdout.write(json.dumps({"written": written, "last_year": last}, sort_keys=True))
        else:
            self.stdout.write(f"新录入 {written} 天，节假日录到 {last} 年。")
