"""`manage.py cms sites`: a place in the page tree for each hospital that has none."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from core.cms.domain import ensure_site
from core.cms.models import HospitalRoot
from core.kernel.context import Actor
from core.org.models import Hospital


class Command(BaseCommand):
    """为各医院建立页面"""

    help = "为还没有页面的医院建立首页、文件夹和审核流程（sites）"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("verb", choices=["sites"])

    def handle(self, *args: Any, **options: Any) -> None:
        there = set(HospitalRoot.objects.values_list("hospital_id", flat=True))
        for hospital in Hospital.objects.order_by("id"):
            if hospital.pk not in there:
                ensure_site(hospital, Actor("command", "cms", "命令行"))
            said = "已有" if hospital.pk in there else "已建立"
            self.stdout.write(f"{hospital.name}：{said}")
