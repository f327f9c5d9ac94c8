"""`manage.py lake import | preview | ledger | sweep`: the lake on the command line."""

import json
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.kernel.context import Actor, actor_scope, hospital_scope
from core.kernel.errors import Problem
from core.lake import datasets, domain, land
from core.lake.models import LakeImport
from core.org.models import Hospital


class Command(BaseCommand):
    """数据湖：导入、预览、台账"""

    help = "数据湖：import 导入、preview 预览、ledger 台账、sweep 清理"

    def add_arguments(self, parser: CommandParser) -> None:
        """One parser per verb."""
        verbs = parser.add_subparsers(dest="verb", required=True)
        for verb, text in (("import", "导入一个文件"), ("preview", "检查一个文件，不写入")):
            one = verbs.add_parser(verb, help=text)
            one.add_argument("--hospital", required=True, help="医院代号")
            one.add_argument("--dataset", required=True, help="数据集：" + "、".join(datasets.all_datasets()))
            one.add_argument("--file", required=True, type=Path, help="CSV、Excel 或 Parquet 文件")
            one.add_argument("--sheet", default="", help="工作表")
            one.add_argument("--where", default="", help='筛选，例如 "hospital = H1"')
            one.add_argument(
                "--map", action="append", default=[], metavar="列=文件中的列名", help="指明列的对应，可重复"
            )
            one.add_argument(
                "--mode", default="", choices=["", "add", "replace_months"], help="增补或整月替换"
            )
            one.add_argument("--source", default="", help="来源名称；同一来源沿用上次的列对应")
            one.add_argument("--json", action="store_true", help="以 JSON 输出")
            if verb == "import":
                one.add_argument("--accept-partial", action="store_true", help="有问题的行留下，其余照常入库")
        ledger = verbs.add_parser("ledger", help="导入台账")
        ledger.add_argument("--hospital", required=True, help="医院代号")
        ledger.add_argument("--dataset", default="", help="数据集")
        ledger.add_argument("--limit", type=int, default=50, help="最多几条")
        ledger.add_argument("--json", action="store_true", help="以 JSON 输出")
        sweep = verbs.add_parser("sweep", help="清理中断的导入留下的文件")
        sweep.add_argument("--hospital", required=True, help="医院代号")
        sweep.add_argument("--json", action="store_true", help="以 JSON 输出")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the verb; exit code 1 with the problem on a refusal."""
        hospital = Hospital.objects.filter(slug=options["hospital"]).first()
        if hospital is None:
            raise CommandError(f"没有代号为“{options['hospital']}”的医院。")
        by = Actor("command", "lake", "命令行")
        with hospital_scope(hospital), actor_scope(by):
            try:
                answer = getattr(self, f"_{options['verb']}")(hospital, by, options)
            except Problem as problem:
                self._refuse(problem, options["json"])
        if options["json"]:
            self.stdout.write(json.dumps(answer, ensure_ascii=False, indent=1, sort_keys=True))
        else:
            self._say(answer)

    def _import(self, hospital: Hospital, by: Actor, options: dict[str, Any]) -> dict[str, Any]:
        upload, chosen = self._upload(hospital, by, options)
        made = domain.start_import(upload, by=by, accept_partial=options["accept_partial"], **chosen)
        shown = {"note": ""}

        def tick(done: int, total: int, note: str) -> None:
            if note != shown["note"] and not options["json"] and sys.stderr.isatty():
                shown["note"] = note
                self.stderr.write(f"{100 * done // max(total, 1):3d}% {note}")

        return domain.summary(domain.run_import(made, by=by, tick=tick))

    def _preview(self, hospital: Hospital, by: Actor, options: dict[str, Any]) -> dict[str, Any]:
        upload, chosen = self._upload(hospital, by, options)
        return domain.preview_upload(upload, **chosen)

    def _ledger(self, hospital: Hospital, by: Actor, options: dict[str, Any]) -> dict[str, Any]:
        rows = LakeImport.objects.select_related("same_as").order_by("-id")
        if options["dataset"]:
            rows = rows.filter(dataset=options["dataset"])
        return {"imports": [domain.summary(row) for row in rows[: options["limit"]]]}

    def _sweep(self, hospital: Hospital, by: Actor, options: dict[str, Any]) -> dict[str, Any]:
        return {"removed": sum(land.sweep_alone(hospital, key, by=by) for key in datasets.all_datasets())}

    def _upload(self, hospital: Hospital, by: Actor, options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        upload = domain.receive_path(
            options["file"], dataset=options["dataset"], hospital=hospital, by=by, source=options["source"]
        )
        chosen: dict[str, Any] = {
            "sheet": options["sheet"],
            "where": options["where"],
            "mode": options["mode"],
        }
        if options["map"]:
            pairs = dict(pair.partition("=")[::2] for pair in options["map"])
            chosen["mapping"] = domain.describe_upload(upload)["mapping"] | pairs
        return upload, chosen

    def _refuse(self, problem: Problem, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(problem.body(), ensure_ascii=False, indent=1, sort_keys=True))
            raise SystemExit(1)
        lines = [problem.detail]
        for error in problem.errors:
            place = " ".join(
                filter(None, [error.file, error.sheet, f"第 {error.row} 行" if error.row else "", error.cell])
            )
            lines.append(
                f"  {place}：{error.message}{error.cure}" if place else f"  {error.message}{error.cure}"
            )
        raise CommandError("\n".join(lines))

    def _say(self, answer: dict[str, Any]) -> None:
        if "removed" in answer:
            self.stdout.write(f"清理了 {answer['removed']} 个文件。")
        for line in answer.get("imports", [answer] if "state" in answer else []):
            self.stdout.write(
                f"{line['requested_at'][:19]} {line['dataset']} {line['file']} {line['state_label']}："
                f"文件 {line['rows_in']} 行，筛除 {line['rows_filtered']}，隔离 {line['rows_quarantined']}，"
                f"被后行取代 {line['rows_superseded']}，入库 {line['rows_landed']}；月份 {len(line['months'])} 个"
            )
        if "rows_good" in answer:
            self.stdout.write(
                f"文件 {answer['rows_in']} 行，筛除 {answer['rows_filtered']}，可入库 {answer['rows_good']}，有问题 {answer['rows_bad']}"
            )
            for month in answer["months"]:
                self.stdout.write(
                    f"  {month['month']}：{month['rows']} 行，已有版次 {month['existing_version'] or '无'}"
                )
        for finding in answer.get("findings", []):
            mark = "错误" if finding["severity"] == "error" else "提醒"
            place = " ".join(
                str(p) for p in (finding["sheet"], finding["cell"] or finding["row"], finding["column"]) if p
            )
            self.stdout.write(
                f"  {mark} {place}：{finding['message']}{finding['cure']}（{finding['count']} 处）"
            )
