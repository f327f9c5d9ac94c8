"""`manage.py vault status | check | rotate`: keys and sealed cells on the command line. No value is ever shown."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.jobs.domain.submit import submit
from core.jobs.models import Job, State
from core.keeping.jobs import ROTATE
from core.keeping.sealed_keys import unsealed
from core.kernel.context import Actor
from core.vault.keys import KeyUnavailable, current_key, key_ids, make_next
from core.vault.rotation import NAME, survey

BY = Actor("command", "vault", "命令行 vault")


def rotation_state() -> dict[str, Any] | None:
    """The last rotation: {job, state, state_label, key, done, left, bad, at}; None when there was none.

    `left`: cells still under an older key than the current one, whether or not a rotation is at work.
    """
    job = Job.unscoped.filter(kind=ROTATE).order_by("-id").first()
    if job is None:
        return None
    current = current_key(NAME).id
    cells = survey()["cells"]
    result = job.result or (job.checkpoint or {}).get("done") or {}
    return {
        "job": str(job.uid),
        "state": job.state,
        "state_label": State(job.state).label,
        "key": current,
        "done": sum(result.get(part, 0) for part in ("sealed", "kept", "bad")),
        "left": sum(n for counts in cells.values() for key, n in counts.items() if key != current),
        "bad": result.get("bad", 0),
        "at": (job.finished_at or job.created_at).isoformat(),
    }


class Command(BaseCommand):
    """密钥与密文"""

    help = "密钥与密文：status 概况、check 逐个打开核对、rotate 换新密钥并在后台重新加密"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One parser per verb."""
        verbs = parser.add_subparsers(dest="verb", required=True)
        for verb, label in (
            ("status", "密钥和各列密文数"),
            ("check", "逐个打开密文，指出打不开的"),
            ("rotate", "换新密钥，后台重新加密"),
        ):
            one = verbs.add_parser(verb, help=label)
            one.add_argument("--json", action="store_true", dest="as_json", help="输出 JSON")

    def handle(self, *args: Any, verb: str, as_json: bool, **options: Any) -> None:
        """Run the verb; exit code 1 when a cell does not open."""
        try:
            found, lines = self._rotate() if verb == "rotate" else self._survey(read=verb == "check")
        except KeyUnavailable as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            json.dumps(found, ensure_ascii=False, sort_keys=True) if as_json else "\n".join(lines)
        )
        if found.get("unreadable"):
            sys.exit(1)

    def _survey(self, *, read: bool) -> tuple[dict[str, Any], list[str]]:
        found = survey(read=read) | {"keys": key_ids(NAME), "rotation": rotation_state()}
        lines = [f"密钥：{'、'.join(found['keys']) or '尚未生成'}"]
        if last := found["rotation"]:
            words = f"{last['state_label']}，已处理 {last['done']} 个，{last['left']} 个仍在旧密钥下"
            lines.append(f"最近一次换密钥：{words}")
        for column, counts in found["cells"].items():
            lines.append(
                f"{column}：" + ("、".join(f"{key} {n} 个" for key, n in counts.items()) or "没有密文")
            )
        if not found["cells"]:
            lines.append("目前没有加密的列。")
        lines += [f"打不开：{one}" for one in found["unreadable"][:50]]
        return found, lines

    def _rotate(self) -> tuple[dict[str, Any], list[str]]:
        key = make_next(NAME)
        job = submit(ROTATE, {}, by=BY, hospital=None)
        lines = [f"已生成新密钥 {key.id}，后台正在重新加密（任务 {job.uid}）。旧密钥请继续保留。"]
        if unsealed([key.id]):
            lines.append("新密钥还没有另行备份：请执行 manage.py backup keys --to 文件")
        return {"key": key.id, "job": str(job.uid)}, lines
