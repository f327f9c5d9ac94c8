"""`manage.py plugins list|enable|disable`: the same service as the page and the API; `doctor` is core.plugin_host.doctor."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.kernel.context import current_actor
from core.kernel.errors import Problem
from core.org.models import Hospital
from core.plugin_host import doctor
from core.plugin_host.manifest import broken_manifests
from core.plugin_host.service import disable, enable, plugin_states, quarantined


class Command(BaseCommand):
    """列出、启用、停用、检查插件"""

    help = "列出、启用、停用一家医院的插件；逐个试启动（doctor）"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("verb", choices=["list", "enable", "disable", "doctor"])
        parser.add_argument("plugin", nargs="?")
        parser.add_argument("--hospital", default="", help="医院的网址名")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["verb"] == "doctor":  # manage.py starts it earlier, before any plugin is loaded
            doctor.main(["--json"] if options["json"] else [])
            return
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
        held = [
            {"id": q.id, "name": q.name, "version": q.version, "reason": q.reason, "cure": q.cure}
            for q in quarantined()
        ]
        if options["json"]:
            answer = {"plugins": rows, "quarantined": held, "broken": broken_manifests()}
            self.stdout.write(json.dumps(answer, ensure_ascii=False, sort_keys=True))
            return
        for row in rows:
            self.stdout.write(
                f"{'启用' if row['enabled'] else '停用'}  {row['id']:<16} {row['name']} {row['version']}"
            )
        for one in held:
            self.stdout.write(
                f"隔离  {one['id']:<16} {one['name']} {one['version']}：{one['reason']}。{one['cure']}"
            )
        for path, reason in broken_manifests().items():
            self.stdout.write(f"不可用  {path}：{reason}")
