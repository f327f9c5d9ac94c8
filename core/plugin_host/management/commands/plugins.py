"""`manage.py plugins list|enable|disable`: the same service as the page and the API."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.kernel.context import current_actor
from core.kernel.errors import Problem
from core.org.models import Hospital
from core.plugin_host.manifest import broken_manifests
from core.plugin_host.service import disable, enable, plugin_states


class Command(BaseCommand):
    """列出、启用、停用插件"""

    help = "列出、启用、停用一家医院的插件"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("verb", choices=["list", "enable", "disable"])
        parser.add_argument("plugin", nargs="?")
        parser.add_argument("--hospital", required=True, help="医院的网址名")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        hospital = Hospital.objects.filter(slug=options["hospital"]).first()
        if hospital is None:
            raise CommandError(f"没有网址名为“{options['hospital']}”的医院。")
        by = current_actor()
        assert by is not None  # manage.py names it
        try:
            if options["verb"] != "list":
                if not options["plugin"]:
                    raise CommandError("请写明插件，例如：plugins enable warning --hospital binjiang")
                (enable if options["verb"] == "enable" else disable)(options["plugin"], hospital, by=by)
        except Problem as problem:
            raise CommandError(problem.detail) from problem
        rows = [
            {
                "id": s.manifest.id,
                "name": s.manifest.name,
                "version": s.manifest.version,
                "enabled": s.enabled,
            }
            for s in plugin_states(hospital)
        ]
        if options["json"]:
            self.stdout.write(
                json.dumps(
                    {"plugins": rows, "broken": broken_manifests()}, ensure_ascii=False, sort_keys=True
                )
            )
            return
        for row in rows:
            self.stdout.write(
                f"{'启用' if row['enabled'] else '停用'}  {row['id']:<16} {row['name']} {row['version']}"
            )
        for path, reason in broken_manifests().items():
            self.stdout.write(f"不可用  {path}：{reason}")
