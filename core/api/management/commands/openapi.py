"""`manage.py openapi [--check]`: write docs/api/openapi.json, or fail when it is not current."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.settings.values import ROOT

FILE = ROOT / "docs" / "api" / "openapi.json"


class Command(BaseCommand):
    """接口文档"""

    help = "生成或核对接口文档 docs/api/openapi.json"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        from core.api.root import api

        schema = api.get_openapi_schema(path_prefix="/api/v1/")
        text = json.dumps(schema, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
        if options["check"]:
            if not FILE.exists() or FILE.read_text(encoding="utf-8") != text:
                raise CommandError("docs/api/openapi.json 不是最新的：请运行 manage.py openapi 并提交。")
            return
        FILE.parent.mkdir(parents=True, exist_ok=True)
        FILE.write_text(text, encoding="utf-8")
        self.stdout.write(f"已写入 {FILE.relative_to(ROOT)}")
