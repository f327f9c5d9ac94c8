"""`manage.py accounts open | token | code | unlock | devices`: what an operator does at the console, recorded as `command:accounts`."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.accounts.domain import codes, devices, lockout, opening_sheet, people, tokens
from core.accounts.domain import opening as openings
from core.accounts.models import Opening
from core.audit import events
from core.kernel import clock
from core.kernel.context import Actor, HospitalRef, acting, hospital_scope
from core.kernel.errors import Problem
from core.org.models import Department, Hospital, PartyOrg, User
from core.resources.spec import Row

BY = Actor("command", "accounts", "命令行：账号")


class Command(BaseCommand):
    """Ends with status 1 and a sentence when something is wrong."""

    help = (
        "账号：批量开通（open）、接口令牌（token）、登录码（code）、解除锁定（unlock）、登录设备（devices）"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        token = verbs.add_parser("token", help="建立接口令牌；令牌只显示这一次")
        token.add_argument("--hospital", required=True, help="医院的网址名")
        token.add_argument("--name", required=True, help="用途，例如：人事系统每日同步")
        token.add_argument("--scope", action="append", required=True, help="范围，可写多次")
        token.add_argument("--days", type=int, default=365, help=f"有效天数，1 到 {tokens.LONGEST}")
        for verb, label in (
            ("code", "为一个账号发登录码；登录码只显示这一次"),
            ("unlock", "解除一个账号的锁定"),
            ("devices", "列出一个账号的登录设备"),
        ):
            sub = verbs.add_parser(verb, help=label)
            sub.add_argument("--username", required=True, help="账号名")
            if verb == "devices":
                sub.add_argument("--sign-out", action="store_true", help="让这些设备全部退出")
        many = verbs.add_parser("open", help="为一批人开通账号；登录码只显示这一次")
        many.add_argument("--hospital", required=True, help="医院的网址名")
        whom = many.add_mutually_exclusive_group(required=True)
        whom.add_argument("--department", metavar="代码", help="一个科室及其下属")
        whom.add_argument("--party-org", metavar="代码", help="一个党组织及其下属")
        whom.add_argument("--everyone", action="store_true", help="全院没有账号的人")
        many.add_argument("--dry-run", action="store_true", help="只看有多少人，不开通")
        for sub in verbs.choices.values():
            sub.add_argument("--json", action="store_true", dest="as_json", help="输出 JSON")

    def handle(self, *args: Any, verb: str, as_json: bool, **options: Any) -> None:
        try:
            if verb == "open":
                self._open(options, as_json)
                return
            found, lines = getattr(self, f"_{verb}")(options)
        except Problem as problem:
            cures = "".join(f"（{one.cure}）" for one in problem.errors if one.cure)
            raise CommandError(problem.detail + cures) from None
        self.stdout.write(
            json.dumps(found, ensure_ascii=False, sort_keys=True) if as_json else "\n".join(lines)
        )

    def _token(self, options: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
        hospital = Hospital.objects.filter(slug=options["hospital"]).first()
        if hospital is None:
            raise CommandError(f"没有网址名为“{options['hospital']}”的医院。")
        with acting(BY):
            token, text = tokens.create(hospital, options["name"], options["scope"], options["days"], by=BY)
            tokens.record_created(token, hospital)
        expires = token.expires_at.isoformat()
        found = {"uid": str(token.uid), "token": text, "scopes": token.scopes, "expires_at": expires}
        return found, [f"令牌：{text}", f"有效期至 {expires}。令牌只显示这一次。"]

    def _open(self, options: dict[str, Any], as_json: bool) -> None:
        """Prints inside the transaction that forgets the codes: what could not be shown is shown the next time."""
        hospital = Hospital.objects.filter(slug=options["hospital"]).first()
        if hospital is None:
            raise CommandError(f"没有网址名为“{options['hospital']}”的医院。")
        with hospital_scope(HospitalRef(hospital.pk, hospital.slug)):
            opening = _chosen(hospital, options)
            allowed = openings.reaches(None)
            counts: dict[str, Any] = openings.counted(opening, allowed)
            if options["dry_run"]:
                said = [f"将开通 {counts['to_open']} 人。"] + _left_out(counts)
                self.stdout.write(_json(counts) if as_json else "\n".join(said))
                return
            with acting(BY):
                opening.state = Opening.State.RUNNING
                opening.save()
            counts = openings.work(opening, allowed, by=BY, commit=lambda: acting(BY), tick=lambda *_: None)

            def show(rows: list[Row]) -> None:
                shown = [
                    {key: str(value) for key, value in row.values.items() if key != "how"} for row in rows
                ]
                lines = ["\t".join(str(value) for value in one.values()) for one in shown]
                said = [f"已开通 {counts['opened']} 人，登录码只显示这一次。", *_left_out(counts), *lines]
                self.stdout.write(_json({**counts, "accounts": shown}) if as_json else "\n".join(said))
                self.stdout.flush()

            with acting(BY):
                opening_sheet.show_once(opening, show)
                Opening.objects.filter(pk=opening.pk).update(counts=counts)
                events.record(
                    "accounts.opening.done", "accounts.opening", opening.uid, counts, hospital=hospital
                )

    def _code(self, options: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
        user = _user(options["username"])
        if not user.is_active:
            raise CommandError("这个账号已停用，请先恢复。")
        with acting(BY):
            made, text = codes.issue(user, None, by=BY)
            codes.record_issued(made, None)
        expires = made.expires_at.isoformat()
        found = {"username": user.username, "code": text, "expires_at": expires}
        return found, [f"登录码：{text}", f"有效期至 {expires}，只能用一次。"]

    def _unlock(self, options: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
        user = _user(options["username"])
        with acting(BY):
            count = lockout.unlock(user.username)
            events.record("accounts.account.unlock", "accounts.account", user.uid, {})
        said = "已解除锁定。" if count else "这个账号现在没有被锁定。"
        return {"username": user.username, "unlocked": bool(count)}, [said]

    def _devices(self, options: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
        user, now = _user(options["username"]), clock.now()
        shown = [
            {
                "id": str(one.uid),
                "label": one.label,
                "place": one.place,
                "created_at": one.created_at.isoformat(),
                "seen_at": one.seen_at.isoformat(),
            }
            for one in devices.living(user, now)
        ]
        ended = 0
        if options["sign_out"]:
            with acting(BY):
                ended = people.sign_out_everywhere(user, now)
                data = {"devices": ended}
                events.record("accounts.account.sign_out_everywhere", "accounts.account", user.uid, data)
        lines = [f"{one['label']}，{one['place'] or '网络不详'}，最近使用 {one['seen_at']}" for one in shown]
        lines = lines or ["没有登录的设备。"]
        return {"username": user.username, "devices": shown, "signed_out": ended}, lines + (
            [f"已退出 {ended} 台。"] if options["sign_out"] else []
        )


def _chosen(hospital: Hospital, options: dict[str, Any]) -> Opening:
    """What was chosen: one that was broken off at the console before, else a new one, not saved yet."""
    whom, unit = "everyone", None
    for key, model, word in (("department", Department, "科室"), ("party_org", PartyOrg, "党组织")):
        if options[key]:
            whom, unit = key, model.objects.filter(code=options[key]).first()
            if unit is None:
                raise CommandError(f"没有代码为“{options[key]}”的{word}。")
    values = {"whom": whom, **({whom: unit} if unit is not None else {})}
    before = Opening.objects.filter(state=Opening.State.RUNNING, person=None, **values).last()
    if before is not None and not options["dry_run"]:
        return before
    label = openings.label_of(whom, unit)[:140]
    return Opening(hospital=hospital, label=label, requester="命令行", asked_at=clock.now(), **values)


def _left_out(counts: dict[str, Any]) -> list[str]:
    return [
        f"{label}：{counts[why]} 人，没有开通。" for why, label in openings.WHY.items() if counts.get(why)
    ]


def _json(found: dict[str, Any]) -> str:
    return json.dumps(found, ensure_ascii=False, sort_keys=True)


def _user(username: str) -> User:
    user = User.objects.filter(username__iexact=username.strip()).first()
    if user is None:
        raise CommandError(f"没有名为“{username}”的账号。")
    return user
