"""`manage.py roster template | preview | apply | undo | list`: lists of people and trees on the command line."""

import json
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.kernel.context import Actor, acting, actor_scope, hospital_scope
from core.kernel.errors import Problem
from core.org.models import Hospital
from core.roster import kinds
from core.roster.domain import changes, uploads
from core.roster.domain.uploads import Choice
from core.roster.models import ChangeSet
from core.roster.template import file_name, make_template


class Command(BaseCommand):
    """人员名册：模板、预览、生效、撤销"""

    help = "人员名册：template 模板、preview 预览、apply 生效、undo 撤销、list 批次"

    def add_arguments(self, parser: CommandParser) -> None:
        """One parser per verb."""
        verbs = parser.add_subparsers(dest="verb", required=True)
        named = "、".join(f"{kind.key} {kind.label}" for kind in kinds.all_kinds().values())
        made = verbs.add_parser("template", help="写一份 Excel 模板")
        made.add_argument("--out", type=Path, default=Path(), help="写到哪个文件夹")
        for verb, text in (("preview", "与医院现状对照，不写入"), ("apply", "让名册生效")):
            one = verbs.add_parser(verb, help=text)
            one.add_argument("--file", required=True, type=Path, help="Excel 或 CSV 文件")
            one.add_argument("--sheet", default="", help="工作表")
            one.add_argument(
                "--map", action="append", default=[], metavar="列=文件中的列名", help="指明列的对应，可重复"
            )
            one.add_argument("--on", type=date.fromisoformat, default=None, help="生效日期，默认今天")
            one.add_argument("--complete", action="store_true", help="这是完整名册：不在其中的算离开")
            if verb == "apply":
                one.add_argument(
                    "--answer", action="append", default=[], metavar="问题=答案", help="对问题的答案，可重复"
                )
                one.add_argument(
                    "--leave-out", action="append", default=[], metavar="变动", help="不生效的变动，可重复"
                )
        for verb in ("template", "preview", "apply"):
            verbs.choices[verb].add_argument(
                "--kind", required=True, choices=list(kinds.all_kinds()), help=f"名册：{named}"
            )
        taken = verbs.add_parser("undo", help="整批撤销")
        taken.add_argument("--set", required=True, help="批次编号")
        listed = verbs.add_parser("list", help="已有的批次")
        listed.add_argument("--limit", type=int, default=20, help="最多几条")
        for verb in verbs.choices.values():
            verb.add_argument("--hospital", required=True, help="医院代号")
            verb.add_argument("--json", action="store_true", help="以 JSON 输出")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the verb; exit code 1 with the problem on a refusal."""
        hospital = Hospital.objects.filter(slug=options["hospital"]).first()
        if hospital is None:
            raise CommandError(f"没有代号为“{options['hospital']}”的医院。")
        by = Actor("command", "roster", "命令行")
        with hospital_scope(hospital), actor_scope(by):
            try:
                answer = getattr(self, f"_{options['verb']}")(hospital, by, options)
            except Problem as problem:
                self._refuse(problem, options["json"])
        if options["json"]:
            self.stdout.write(json.dumps(answer, ensure_ascii=False, indent=1, sort_keys=True))
        else:
            self._say(answer)

    def _template(self, hospital: Hospital, by: Actor, options: dict[str, Any]) -> dict[str, Any]:
        kind = kinds.get(options["kind"])
        path = options["out"] / file_name(kind)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(make_template(kind))
        return {"file": str(path)}

    def _preview(self, hospital: Hospital, by: Actor, options: dict[str, Any]) -> dict[str, Any]:
        return self._previewed(hospital, by, options)[1]

    def _apply(self, hospital: Hospital, by: Actor, options: dict[str, Any]) -> dict[str, Any]:
        upload, told = self._previewed(hospital, by, options)
        answers = dict(pair.partition("=")[::2] for pair in options["answer"])
        with acting(by):
            made = changes.start(
                upload,
                digest=told["digest"],
                answers=answers,
                leave_out=options["leave_out"],
                hospital=hospital,
                by=by,
            )
        try:
            done = changes.run(made, by=by, commit=lambda: acting(by))
        except Problem as problem:
            changes.fail(made, problem, by=by)
            raise
        return changes.summary(done)

    def _undo(self, hospital: Hospital, by: Actor, options: dict[str, Any]) -> dict[str, Any]:
        with acting(by):
            return changes.summary(changes.undo(changes.get_set(options["set"], hospital=hospital), by=by))

    def _list(self, hospital: Hospital, by: Actor, options: dict[str, Any]) -> dict[str, Any]:
        rows = ChangeSet.objects.defer("difference").order_by("-id")[: options["limit"]]
        return {"sets": [changes.summary(row) for row in rows]}

    def _previewed(
        self, hospital: Hospital, by: Actor, options: dict[str, Any]
    ) -> tuple[Any, dict[str, Any]]:
        upload = uploads.receive_path(options["file"], kind=options["kind"], hospital=hospital, by=by)
        mapping = None
        if options["map"]:
            pairs = dict(pair.partition("=")[::2] for pair in options["map"])
            mapping = uploads.describe(upload)["mapping"] | pairs
        choice = Choice(options["sheet"], mapping, options["on"], options["complete"])
        return upload, changes.preview(upload, choice, hospital=hospital, by=by)

    def _refuse(self, problem: Problem, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(problem.body(), ensure_ascii=False, indent=1, sort_keys=True))
            raise SystemExit(1)
        lines = [problem.detail]
        for error in problem.errors:
            row = f"第 {error.row} 行" if error.row else ""
            place = " ".join(filter(None, [error.file, error.sheet, row, error.cell, error.pointer]))
            lines.append(
                f"  {place}：{error.message}{error.cure}" if place else f"  {error.message}{error.cure}"
            )
        raise CommandError("\n".join(lines))

    def _say(self, answer: dict[str, Any]) -> None:
        if "file" in answer and "kind" not in answer:
            self.stdout.write(f"已写入 {answer['file']}。")
        for line in answer.get("sets", [answer] if "state_label" in answer else []):
            self.stdout.write(
                f"{line['uid']} {line['requested_at'][:19]} {line['kind']} {line['state_label']}：{line['changed']} 处变动，{line['on']} 起"
            )
        for group in answer.get("groups", []):
            self.stdout.write(f"{group['label']}：{group['count']} 行")
            for row in group["rows"][:20]:
                self.stdout.write(f"  {row['name']}：{row['text']}（{row['key']}）")
        for question in answer.get("questions", []):
            self.stdout.write(f"要您决定（{question['id']}）：{question['text']}")
            for option in question["options"]:
                self.stdout.write(f"  {option['value']}：{option['label']}")
        for finding in answer.get("findings", []):
            mark = "错误" if finding["severity"] == "error" else "提醒"
            parts = (finding["sheet"], finding["cell"] or finding["row"], finding["column"])
            place = " ".join(str(part) for part in parts if part)
            self.stdout.write(f"  {mark} {place}：{finding['message']}{finding['cure']}")
