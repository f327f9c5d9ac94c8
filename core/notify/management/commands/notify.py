"""`manage.py notify list | failed | resend | send-test | contacts | night-duty | wecom`."""

import csv
import getpass
import io
import json
import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.kernel import clock
from core.kernel.context import Actor, acting, hospital_scope
from core.kernel.errors import FieldError, Invalid, Problem
from core.notify.core_kinds import TEST
from core.notify.domain import contacts, deliver, duty, plan, send, switches
from core.notify.kinds import all_kinds
from core.notify.models import Delivery, DeliveryState
from core.org.models import Hospital, Post, User

BY = Actor("command", "notify", "命令行 notify")
SECRET = "QINGLIAN_WECOM_SECRET"


class Command(BaseCommand):
    """消息。出错时以 1 结束。"""

    help = "消息：list 种类与开关、failed 未送达、resend 重发、send-test 试发、contacts 导入联系方式、night-duty 导入夜班、wecom 设置企业微信"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One parser per verb."""
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("list", help="列出消息种类、渠道与最近的发送数")
        verbs.add_parser("failed", help="列出没有送到的消息和原因")
        one = verbs.add_parser("resend", help="重发没有送到的消息")
        one.add_argument("--uid", default="", help="只重发这一条；不写为全部")
        one = verbs.add_parser("send-test", help="给一个账号试发一条，并显示各渠道的结果")
        one.add_argument("--user", required=True, help="账号名")
        one = verbs.add_parser("contacts", help="从 CSV 导入联系方式：工号,邮箱,手机,企业微信账号")
        one.add_argument("--file", type=Path, required=True)
        one = verbs.add_parser("night-duty", help="从 CSV 导入夜班：工号,值班日期,下班时间")
        one.add_argument("--file", type=Path, required=True)
        one = verbs.add_parser("wecom", help=f"设置企业微信应用；密钥取自 {SECRET}，没有则询问")
        one.add_argument("--corp", required=True, help="企业ID")
        one.add_argument("--agent", type=int, required=True, help="应用编号")
        for verb in verbs.choices.values():
            verb.add_argument("--hospital", required=True, help="医院的网址名")
            verb.add_argument("--json", action="store_true", dest="as_json", help="输出 JSON")

    def handle(self, *args: Any, verb: str, as_json: bool, **options: Any) -> None:
        """Run the verb; a Problem is its sentence and places, exit code 1."""
        hospital = Hospital.objects.filter(slug=options["hospital"]).first()
        if hospital is None:
            raise CommandError(f"没有网址名为“{options['hospital']}”的医院。")
        try:
            with hospital_scope(hospital):
                found, lines = getattr(self, "_" + verb.replace("-", "_"))(hospital, options)
        except Problem as problem:
            if as_json:
                self.stdout.write(json.dumps(problem.body(), ensure_ascii=False, sort_keys=True))
                sys.exit(1)
            raise CommandError("\n".join([problem.detail, *map(_place, problem.errors)])) from problem
        self.stdout.write(
            json.dumps(found, ensure_ascii=False, sort_keys=True) if as_json else "\n".join(lines)
        )

    def _list(self, hospital: Hospital, options: dict[str, Any]) -> tuple[Any, list[str]]:
        asked = switches.read(hospital, [])
        there = switches.outside(hospital, asked)
        kinds: list[dict[str, Any]] = [
            {
                "key": kind.key,
                "label": kind.label,
                "urgent": kind.urgent,
                "channels": {channel: asked.hospital_on(kind, channel) for channel in ("inbox", *there)},
            }
            for kind in all_kinds()
        ]
        counts = {state: Delivery.objects.filter(state=state).count() for state in DeliveryState.values}
        lines = [
            f"{one['key']:28} {one['label']}  " + "、".join(c for c, on in one["channels"].items() if on)
            for one in kinds
        ]
        lines.append("可用渠道：" + ("、".join(there) or "只有站内消息"))
        return {"kinds": kinds, "channels": there, "deliveries": counts}, lines

    def _failed(self, hospital: Hospital, options: dict[str, Any]) -> tuple[Any, list[str]]:
        rows = Delivery.objects.filter(state=DeliveryState.FAILED).select_related("person", "notice")
        found = [_shown(row) for row in rows.order_by("-pk")[:500]]
        lines = [f"{one['uid']}  {one['person']}  {one['channel_label']}  {one['reason']}" for one in found]
        return {"failed": found}, lines or ["没有未送达的消息。"]

    def _resend(self, hospital: Hospital, options: dict[str, Any]) -> tuple[Any, list[str]]:
        rows = Delivery.objects.filter(state=DeliveryState.FAILED)
        if options["uid"]:
            rows = rows.filter(uid=options["uid"])
        count = 0
        while part := list(rows.order_by("pk")[:500]):
            with acting(BY):
                count += deliver.resend(part)
        return {"resent": count}, [f"{count} 条已重新排队，后台程序会在一分钟内发出。"]

    def _send_test(self, hospital: Hospital, options: dict[str, Any]) -> tuple[Any, list[str]]:
        """Past the queue: planned and sent here, so that the outcome is seen at once."""
        user = User.objects.filter(username=options["user"].strip().casefold()).first()
        if user is None or user.person_id is None:
            raise CommandError(f"没有账号“{options['user']}”。")
        with acting(BY):
            notice = send(
                TEST.key,
                [user.person_id],
                hospital=hospital,
                slots={"hospital": hospital.name},
                href=f"/h/{hospital.slug}/notices",
                subject=None,
                key=f"test:{clock.now().isoformat()}",
            )
            if notice is None:
                raise CommandError(f"“{options['user']}”今天在本院没有任职，收不到消息。")
            plan.plan(notice, hospital)
        deliver.deliver_due(hospital)
        rows = Delivery.objects.filter(notice=notice).select_related("person", "notice").order_by("pk")
        found = [_shown(row) for row in rows]
        lines = ["站内消息：已送达。"]
        lines += [f"{one['channel_label']}：{one['state_label']}。{one['reason']}" for one in found]
        if not found:
            lines.append("没有其他渠道：医院没有设置，或这个人没有登记联系方式。")
        return {"notice": str(notice.uid), "deliveries": found}, lines

    def _contacts(self, hospital: Hospital, options: dict[str, Any]) -> tuple[Any, list[str]]:
        columns = {"邮箱": "mail", "手机": "mobile", "企业微信账号": "wecom"}
        reader = csv.DictReader(io.StringIO(_text(options["file"])))
        there = [name for name in columns if name in (reader.fieldnames or [])]
        if "工号" not in (reader.fieldnames or []) or not there:
            raise Invalid(
                "第一行要有“工号”和至少一种联系方式。",
                [FieldError("/file", "缺少列。", "第一行写：工号,邮箱,手机,企业微信账号")],
            )
        persons = dict(
            Post.objects.exclude(source_code="").order_by("pk").values_list("source_code", "person_id")
        )
        given: dict[int, dict[str, str]] = {}
        errors = []
        for number, row in enumerate(reader, start=2):
            code = (row["工号"] or "").strip()
            if code not in persons:
                errors.append(FieldError(row=number, cell="工号", message=f"本院没有工号“{code[:40]}”。"))
                continue
            given[persons[code]] = {columns[name]: row[name] or "" for name in there}
        if errors:
            raise Invalid(f"有 {len(errors)} 行的工号不对，一行也没有导入。", errors[:100])
        changed = contacts.keep(hospital, given, by=BY)
        return {"rows": len(given), "changed": changed}, [f"{len(given)} 行，更新了 {changed} 人的联系方式。"]

    def _night_duty(self, hospital: Hospital, options: dict[str, Any]) -> tuple[Any, list[str]]:
        found = duty.load(hospital, _text(options["file"]), by=BY)
        return found, [f"已导入 {found['rows']} 个夜班。"]

    def _wecom(self, hospital: Hospital, options: dict[str, Any]) -> tuple[Any, list[str]]:
        secret = os.environ.get(SECRET) or getpass.getpass("企业微信应用密钥：")
        if not secret.strip():
            raise CommandError("没有输入应用密钥。")
        with acting(BY):
            row: Any = switches.of_hospital(hospital)
            row.wecom_corp, row.wecom_agent, row.wecom_secret = (
                options["corp"],
                options["agent"],
                secret.strip(),
            )
            row.version += 1
            row.save()
        return {"corp": row.wecom_corp, "agent": row.wecom_agent}, ["已保存。用 notify send-test 试发一条。"]


def _shown(row: Delivery) -> dict[str, Any]:
    return {
        "uid": str(row.uid),
        "person": row.person.name,
        "kind": row.notice.kind if row.notice else "digest",
        "channel": row.channel,
        "channel_label": row.get_channel_display(),
        "state": row.state,
        "state_label": row.get_state_display(),
        "reason": row.reason,
        "code": row.code,
        "attempts": row.attempts,
    }


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        return path.read_text(encoding="gb18030")
    except OSError as error:
        raise CommandError(f"文件“{path.name}”读不出来：{error.strerror}") from None


def _place(error: FieldError) -> str:
    where = f"第 {error.row} 行 {error.cell}：" if error.row else ""
    return f"  {where}{error.message}{error.cure}"
