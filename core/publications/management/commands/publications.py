"""`manage.py publications verify`: recompute every hash of every frozen table."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.org.models import Hospital
from core.publications.domain.check import check_all


class Command(BaseCommand):
    """Ends with status 1 when something does not agree."""

    help = "公示：重新计算并核对全部冻结的排名（verify）"

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        sub = verbs.add_parser("verify", help="重新计算并核对全部冻结的排名")
        sub.add_argument("--hospital", help="只核对一家医院：它的网址名")
        sub.add_argument("--json", action="store_true", dest="as_json", help="输出 JSON")

    def handle(self, *args: Any, verb: str, hospital: str | None, as_json: bool, **options: Any) -> None:
        chosen = Hospital.objects.filter(slug=hospital).first() if hospital else None
        if hospital and chosen is None:
            raise CommandError(f"没有网址名为“{hospital}”的医院。")
        found = check_all(chosen)
        bad = [one for one in found if one["problems"]]
        if as_json:
            answer = {"ok": not bad, "checked": len(found), "snapshots": found}
            self.stdout.write(json.dumps(answer, ensure_ascii=False, sort_keys=True))
        else:
            for one in bad:
                self.stdout.write(f"{one['hospital']} {one['uid']}：{'；'.join(one['problems'])}")
            said = f"其中 {len(bad)} 份不符" if bad else "全部一致"
            self.stdout.write(f"已核对 {len(found)} 份冻结的排名，{said}。")
        if bad:
            sys.exit(1)
