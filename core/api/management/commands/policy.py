"""`manage.py policy why`: why may a person do that, or why not; `policy check`: whether the rules of rights are in force."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.api import why
from core.kernel.errors import Problem
from core.org.models import Hospital, User


class Command(BaseCommand):
    """权限"""

    help = "说明某人为什么能（不能）办理某件事项；核对权限的数据库约束"

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        asked = verbs.add_parser("why", help="为什么能看")
        asked.add_argument("--hospital", required=True, help="医院的网址名")
        asked.add_argument("--person", required=True, help="人员编号或账号名")
        asked.add_argument("--type", required=True, help="事项类型，例如 org.department")
        asked.add_argument("--uid", default="", help="事项编号；不填则问任意一件")
        asked.add_argument("--action", default="view")
        asked.add_argument("--json", action="store_true")
        verbs.add_parser("check", help="核对三员分立的数据库约束")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["verb"] == "check":
            return self._check()
        hospital = Hospital.objects.filter(slug=options["hospital"]).first()
        if hospital is None:
            raise CommandError(f"没有网址名为“{options['hospital']}”的医院。")
        person = options["person"]
        if not why.as_uid(person):
            user = User.objects.filter(username__iexact=person).select_related("person").first()
            if user is None or user.person is None:
                raise CommandError(f"没有账号“{person}”，请填人员编号或账号名。")
            person = str(user.person.uid)
        try:
            answer = why.why(hospital, person, options["type"], options["action"], options["uid"])
        except Problem:
            raise CommandError("没有这位人员、这类事项、这个动作或这件事项，请核对。") from None
        if options["json"]:
            self.stdout.write(json.dumps(answer, ensure_ascii=False, indent=1))
            return None
        self.stdout.write(answer["sentence"])
        for step in answer["steps"]:
            self.stdout.write(f"  {'是' if step['ok'] else '否'} {step['text']}")
        return None

    def _check(self) -> None:
        from core.policy import separation

        if said := separation.missing():
            raise CommandError("；".join(said) + "。请执行 manage.py migrate。")
        self.stdout.write("三员分立的数据库约束完整。")
