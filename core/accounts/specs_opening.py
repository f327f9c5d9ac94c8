"""批量开通: choosing whom, seeing how many it concerns, starting, and new codes for who has not come yet."""

from typing import Any

from core.accounts import jobs
from core.accounts.domain import opening as openings
from core.accounts.models import Opening
from core.jobs.models import OPEN, Job
from core.jobs.registry import get_kind
from core.kernel import clock
from core.kernel.errors import Refused
from core.org.models import Department, PartyOrg
from core.policy.types import TypePolicy, register_type
from core.resources import panels, ports
from core.resources.model_source import ModelSource
from core.resources.models import ExportRequest
from core.resources.registry import register as register_resource
from core.resources.spec import Action, Command, Done, Field, Filter, Form, FormField, ResourceSpec, Row
from core.resources.specs_org_place import chosen

TYPE = "accounts.opening"
State = Opening.State
#: Rows of "who gets no account and why" on the page.
SHOWN = 200


def register() -> None:
    """Make type and list known."""
    register_type(TypePolicy(TYPE, "批量开通", 2, {"person": "person_id", "state": "state"}))
    register_resource(_spec(), ModelSource(Opening, label="label", state="state"))


def plan_action() -> Action:
    """`批量开通账号` of the list of accounts: chooses whom; nothing is opened yet."""
    return Action(
        "open_many",
        "批量开通账号",
        _plan,
        "plain",
        "list",
        Form(
            "批量开通账号",
            (
                FormField("whom", "为谁开通", "choice", required=True, choices=tuple(Opening.WHOM)),
                FormField("department", "科室", "department", True, only_with=("whom", "department")),
                FormField(
                    "party_org",
                    "党组织",
                    "lookup",
                    True,
                    resource="org.party_org",
                    only_with=("whom", "party_org"),
                ),
            ),
            "看看有多少人",
            "先列出涉及多少人，确认以后才开通。账号名用工号，没有工号的用姓名拼音。",
        ),
        right="create",
    )


def _spec() -> ResourceSpec:
    return ResourceSpec(
        key=TYPE,
        label="批量开通",
        label_plural="批量开通",
        data_class=2,
        icon="号",
        group="设置",
        question="给哪些人批量开过账号，登录码单取走没有？",
        fields=(
            Field("label", "范围", filterable=True, role="primary"),
            Field("state", "状态", "state", filterable=True, labels=dict(State.choices), role="secondary"),
            Field("opened", "已开通", "number", role="secondary"),
            Field("requester", "发起人", "person", filterable=True),
            Field("asked_at", "发起时间", "datetime", filterable=True, sortable=True),
            Field("finished_at", "办完时间", "datetime", column=False),
        ),
        filters=(Filter("state"), Filter("asked_at")),
        orders=(("-asked_at", "最近发起在前"),),
        default_order="-asked_at",
        search=("label", "requester"),
        actions=(
            Action(
                "run",
                "开通",
                _run,
                "primary",
                confirm="为列出的人开通账号，每人一个初始登录码。登录码单只有您能下载，只能下载一次。",
                states=frozenset({State.PLANNED, State.STOPPED, State.RUNNING}),
                checks_version=False,
            ),
            Action(
                "renew",
                "重新发码",
                _renew,
                confirm="为还没有登录过的人重新发登录码，以前发的码全部作废。已经登录过的人不受影响。",
                states=frozenset({State.STOPPED, State.DONE}),
                right="run",
                checks_version=False,
            ),
        ),
        panels=_panels,
        empty={"title": "没有批量开通过账号", "hint": "在“账号”页点“批量开通账号”。"},
    )


def _plan(command: Command, _: Any) -> Done:
    principal, whom = command.principal, command.values["whom"]
    units = {
        "department": chosen(Department, command, "department", "科室"),
        "party_org": chosen(PartyOrg, command, "party_org", "党组织"),
    }
    made = Opening.objects.create(
        hospital_id=principal.hospital_id,
        label=openings.label_of(whom, units.get(whom))[:140],
        whom=whom,
        person_id=principal.person_id,
        user_uid=principal.user_uid,
        requester=principal.label[:120],
        asked_at=clock.now(),
        department=units["department"],
        party_org=units["party_org"],
    )
    counts = openings.counted(made, openings.reaches(principal))
    return Done(
        message=f"将为 {counts['to_open']} 人开通账号，请核对后开始。",
        href=f"/h/{principal.hospital.slug}/r/{TYPE}/{made.uid}",
        event={"opening": str(made.uid), **counts},
    )


def _run(command: Command, thing: Opening) -> Done:
    if (
        thing.state == State.PLANNED
        and not openings.to_open(thing, openings.reaches(command.principal)).exists()
    ):
        raise Refused("没有要开通账号的人：都已有账号，或现在没有任职。")
    return _start(command, thing, thing.round)


def _renew(command: Command, thing: Opening) -> Done:
    if not openings.waiting(thing, openings.reaches(command.principal)).exists():
        raise Refused("没有要重新发码的人：都已经登录过，或已经停用、离院。")
    return _start(command, thing, thing.round + 1)


def _start(command: Command, thing: Opening, round_: int) -> Done:
    if Job.objects.filter(uid=thing.job_uid, state__in=OPEN).exists():
        raise Refused("正在办理，请等它结束。")
    job = ports.submit(jobs.KIND, {"opening": str(thing.uid)}, command.by, command.principal.hospital, None)
    thing.state, thing.round, thing.job_uid = State.RUNNING, round_, job
    thing.save(update_fields=["state", "round", "job_uid"])
    return Done(uid=str(thing.uid), message="已经开始。", job=job, event={"round": round_})


def _panels(row: Row, principal: Any) -> list[dict[str, Any]]:
    found = Opening.objects.select_related("hospital", "department", "party_org").get(uid=row.uid)
    mine = found.person_id == principal.person_id
    allowed = openings.reaches(principal)
    counts = openings.counted(found, allowed) if found.state != State.DONE else found.counts
    made = [panels.say("say", _sentence(found, counts, mine))]
    shown = [
        (
            "将开通" if found.state != State.DONE else "已开通",
            counts.get("to_open", 0),
            "其中没有工号的用姓名拼音",
        ),
        ("没有工号", counts.get("no_number", 0), "账号名用姓名拼音"),
        *((openings.WHY[why], counts.get(why, 0), "不开通") for why in openings.WHY),
    ]
    if found.state == State.DONE:
        shown[0] = ("已开通", found.opened, "")
    items = [
        {"label": label, "value": f"{count:,}", "unit": "人", "hint": hint}
        for place, (label, count, hint) in enumerate(shown)
        if count or not place
    ]
    made.append(panels.facts("counts", items))
    made += _links(found, principal, mine)
    rows: list[dict[str, Any]] = []
    count = 0
    for why, people in openings.left_out(found, allowed).items():
        count += people.count()
        for person in people.order_by("sort_key", "pk")[: SHOWN - len(rows)]:
            values = {"name": person.name, "department": person.place or "", "why": openings.WHY[why]}
            rows.append({"values": values})
    if rows and found.state != State.DONE:
        columns: list[dict[str, Any]] = [
            {"key": "name", "label": "姓名", "type": "person", "primary": True},
            {"key": "department", "label": "科室", "type": "text"},
            {"key": "why", "label": "不开通的原因", "type": "text"},
        ]
        made.append(panels.table("left_out", "不为这些人开通", columns, rows, count=count))
    return made


def _links(found: Opening, principal: Any, mine: bool) -> list[dict[str, Any]]:
    slug, items = principal.hospital.slug, []
    if found.state == State.RUNNING and found.job_uid and mine and get_kind(jobs.KIND):
        items.append({"label": "看进度", "href": f"/h/{slug}/jobs/{found.job_uid}", "hint": "可以取消"})
    request = _sheet(found)
    if mine and request is not None and request.state == ExportRequest.State.READY:
        href = f"/api/v1/h/{slug}/exports/{request.uid}/download"
        items.append({"label": f"下载 {request.file_name}", "href": href, "hint": "只能下载一次，请直接打印"})
    return [panels.links("sheet", "登录码单", items, place="main")] if items else []


def _sheet(found: Opening) -> ExportRequest | None:
    return ExportRequest.objects.filter(uid=found.export_uid).first() if found.export_uid else None


def _sentence(found: Opening, counts: Any, mine: bool) -> str:
    if found.state == State.PLANNED:
        return f"{found.label}：将为 **{counts['to_open']:,} 人**开通账号。现在还没有开通；点“开通”才开始。"
    if found.state == State.RUNNING:
        return f"正在开通，已开通 **{found.opened:,} 人**。如果停住不动，点“开通”接着办，不会重复。"
    request = _sheet(found)
    said = f"已开通 **{found.opened:,} 人**。"
    if found.state == State.STOPPED:
        said += "没有全部办完，点“开通”接着办，不会重复。"
    if request is None:
        return said
    if request.state == ExportRequest.State.TAKEN:
        return said + "登录码单已下载，平台里不再有这些登录码。遗失的请点“重新发码”。"
    if request.state == ExportRequest.State.READY:
        return said + ("登录码单**只能下载一次**。" if mine else "登录码单等待发起人下载。")
    return said + "登录码单没有在有效期内下载，登录码已经销毁。请点“重新发码”。"
