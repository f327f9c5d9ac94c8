"""`manage.py warning run|list|explain|lines|ranking`: the engine from the command line, with `--json` throughout."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.plugin_api import Hospital, Problem, current_actor, hospital_scope, is_enabled
from plugins.warning.domain import freezing, quarters
from plugins.warning.domain.run import Asked, parse_as_of, run
from plugins.warning.queries import listing


class Command(BaseCommand):
    """预警"""

    help = "计算预警，列出、解释预警，查看依据明细"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("verb", choices=["run", "list", "explain", "lines", "ranking"])
        parser.add_argument(
            "key",
            nargs="?",
            help="explain、lines：规则编码与对象，如 C1_COST_PER_RX:doctor=DR0189:2024-03；ranking：freeze 或 list",
        )
        parser.add_argument("--hospital", required=True, help="医院的网址名")
        parser.add_argument("--as-of", dest="as_of", help="数据时点，如 2025-07-02T00:00:00+08:00")
        parser.add_argument("--rules", help="只算这些规则，用逗号隔开")
        parser.add_argument("--months", help="只算这些月份，用逗号隔开")
        parser.add_argument("--quarter", help="ranking freeze：季度，如 2025-Q2")
        parser.add_argument("--kind", help="ranking freeze：top20_drugs、top20_drugs_ddd 或 top20_doctors")
        parser.add_argument("--reason", default="", help="ranking freeze：更正原因")
        parser.add_argument(
            "--run",
            dest="of_run",
            help="list、explain、lines：只看这一次计算；不写时每条规则取最近一次算过它的",
        )
        parser.add_argument("--limit", type=int, default=50)
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        hospital = Hospital.objects.filter(slug=options["hospital"]).first()
        if hospital is None:
            raise CommandError(f"没有网址名为“{options['hospital']}”的医院。")
        if not is_enabled("warning", hospital.id):
            raise CommandError(
                "这家医院没有启用“药品耗材预警”。先运行：plugins enable warning --hospital " + hospital.slug
            )
        try:
            with hospital_scope(hospital):
                found = getattr(self, f"_{options['verb']}")(hospital, options)
        except Problem as problem:
            raise CommandError(problem.detail) from problem
        if options["json"]:
            self.stdout.write(json.dumps(found, ensure_ascii=False, sort_keys=True))
        else:
            self._print(found)

    def _run(self, hospital: Hospital, options: dict[str, Any]) -> dict[str, Any]:
        by = current_actor()
        assert by is not None  # manage.py names it

        def say(done: int, total: int, note: str) -> None:
            if not options["json"]:
                self.stdout.write(f"  {done}/{total} {note}")

        asked = Asked(
            as_of=parse_as_of(options["as_of"]) if options["as_of"] else None,
            months=_split(options["months"]),
            rules=_split(options["rules"]),
            live=options["as_of"] is None,
        )
        row = run(hospital, asked, by=by, progress=say, stopped=lambda: False)
        return {
            "run": str(row.uid),
            "as_of": row.as_of.isoformat(),
            "months": row.months,
            "rules": row.rules,
            "found": row.found,
            "opened": row.opened,
            "unevaluated": row.unevaluated,
            "subject_months": row.subject_months,
        }

    def _list(self, hospital: Hospital, options: dict[str, Any]) -> list[dict[str, Any]]:
        return listing.findings(self._view(hospital, options))

    def _explain(self, hospital: Hospital, options: dict[str, Any]) -> dict[str, Any]:
        return listing.explain(self._one(hospital, options))

    def _lines(self, hospital: Hospital, options: dict[str, Any]) -> dict[str, Any]:
        return listing.raw_lines(self._one(hospital, options), options["limit"])

    def _ranking(self, hospital: Hospital, options: dict[str, Any]) -> Any:
        if options["key"] == "list":
            return freezing.listed(hospital)
        if options["key"] != "freeze" or not options["quarter"] or not options["kind"]:
            raise CommandError(
                "请写成 ranking list，或 ranking freeze --quarter 2025-Q2 --kind top20_drugs。"
            )
        by = current_actor()
        assert by is not None  # manage.py names it
        quarter = quarters.parse(options["quarter"])
        kept, new = freezing.freeze_ranking(
            hospital, quarter, options["kind"], by=by, reason=options["reason"]
        )
        return freezing.described(kept, new)

    def _one(self, hospital: Hospital, options: dict[str, Any]) -> Any:
        if not options["key"]:
            raise CommandError("请写明是哪一条：规则编码:对象:期间，可从 list 的输出里抄。")
        return listing.one(self._view(hospital, options), options["key"])

    def _view(self, hospital: Hospital, options: dict[str, Any]) -> Any:
        as_of = parse_as_of(options["as_of"]) if options["as_of"] else None
        return listing.view(hospital, as_of, options["of_run"] or "")

    def _print(self, found: Any) -> None:
        if isinstance(found, list):
            for row in found:
                if "snapshot" in row:
                    self.stdout.write(
                        f"{row['title']} 第 {row['version']} 版 {row['sha256'][:8]} {row['snapshot']}"
                    )
                    continue
                self.stdout.write(f"{row['level']:<7} {row['period']} {row['key']}  {row['reason']}")
            self.stdout.write(f"共 {len(found)} 条。")
            return
        for key, value in found.items():
            self.stdout.write(
                f"{key}: {json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else value}"
            )


def _split(text: str | None) -> list[str] | None:
    return [part.strip() for part in text.split(",") if part.strip()] if text else None
