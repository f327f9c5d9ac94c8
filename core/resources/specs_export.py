"""导出记录: what was asked for as a file, what for, who agreed, and whether it was fetched."""

from typing import Any

from core.policy.types import TypePolicy, register_type
from core.resources import export_asks, export_rules
from core.resources.model_source import ModelSource
from core.resources.models import ExportRequest
from core.resources.registry import register as register_resource
from core.resources.spec import Action, Field, Filter, Form, FormField, ResourceSpec, Row

State = ExportRequest.State
CLASSES = {"1": "公开", "2": "内部", "3": "敏感", "4": "机密"}


def register() -> None:
    """Make type and list known."""
    register_type(TypePolicy(export_rules.TYPE, "导出记录", 2, {"person": "person_id", "state": "state"}))
    register_resource(_spec(), ModelSource(ExportRequest, label="number", state="state"))


def panels(row: Row, principal: Any) -> list[dict[str, Any]]:
    """What it is, what became of it, and the file for who asked."""
    said = {
        State.WAITING: "等待另一位有权的人批准。",
        State.MAKING: "正在制作文件。",
        State.READY: "文件已做好，**只能下载一次**，过期清除。",
        State.TAKEN: "文件已被申请人下载。如仍需要，请重新申请。",
        State.EXPIRED: "文件已过期清除。如仍需要，请重新申请。",
        State.REFUSED: "没有批准。",
        State.WITHDRAWN: "已撤回。",
        State.FAILED: "没有做成。",
    }[State(row.state)]
    own = row.attrs.get("person") == principal.person_id
    if row.state == State.WAITING and not own:
        said = f"{row.values.get('requester')}申请导出“{row.values.get('label')}”，等您或另一位有权的人批准。"
    note = row.values.get("note")
    text = f"{said}{note}" if note and row.state not in (State.READY, State.TAKEN) else said
    found: list[dict[str, Any]] = [{"id": "say", "kind": "say", "place": "main", "text": text}]
    if row.state == State.READY and own:
        href = f"/api/v1/h/{principal.hospital.slug}/exports/{row.uid}/download"
        items = [{"label": f"下载 {row.values['file_name']}", "href": href, "hint": "只能下载一次"}]
        found.append({"id": "file", "kind": "list", "place": "main", "title": "文件", "items": items})
    shown = [f for f in _spec().fields if f.type != "uid" and row.values.get(f.key) not in (None, "")]
    shown_items: list[dict[str, Any]] = [
        {
            "key": f.key,
            "label": f.label,
            "type": f.type,
            "value": row.values[f.key],
            "masked": f.key in row.masked,
            **({"labels": dict(f.labels)} if f.labels else {}),
        }
        for f in shown
    ]
    found.append(
        {"id": "fields", "kind": "fields", "place": "main", "title": "导出记录", "items": shown_items}
    )
    return found


def _not_own(row: Row, principal: Any) -> bool:
    """Another person decides: one's own request offers no decision."""
    return row.attrs.get("person") != principal.person_id


def _spec() -> ResourceSpec:
    return ResourceSpec(
        key=export_rules.TYPE,
        label="导出记录",
        label_plural="导出记录",
        data_class=2,
        icon="download",
        group="记录",
        question="谁导出了什么，作什么用，谁批准的？",
        fields=(
            Field("number", "编号", "code", filterable=True, sortable=True, role="primary"),
            Field("label", "内容", filterable=True, role="secondary"),
            Field("state", "状态", "state", filterable=True, labels=dict(State.choices), role="secondary"),
            Field("requester", "申请人", "person", filterable=True),
            Field("asked_at", "申请时间", "datetime", filterable=True, sortable=True),
            Field("purpose", "用途", "code", filterable=True, labels=dict(export_rules.PURPOSES)),
            Field("purpose_text", "用途说明", column=False),
            Field("about", "范围", data_class=3, column=False),
            Field("data_class", "密级", "code", labels=CLASSES),
            Field("rows", "行数", "number"),
            Field("approver_name", "批准人", "person", filterable=True),
            Field("decided_at", "批准时间", "datetime", column=False),
            Field("note", "批准意见", column=False),
            Field("file_name", "文件", column=False),
            Field("sha256", "校验和", "code", column=False),
            Field("expires_at", "有效至", "datetime", column=False),
            Field("taken_at", "下载时间", "datetime", column=False),
        ),
        actions=(
            Action(
                verb="approve",
                label="批准",
                handler=export_asks.approve,
                style="primary",
                states=frozenset({State.WAITING}),
                right=export_rules.APPROVE,
                when=_not_own,
                form=Form(
                    "批准导出",
                    (FormField("note", "意见", "textarea", max_length=300),),
                    "批准",
                    "批准后按申请人当时的权限制作文件，只能由申请人下载一次。",
                ),
            ),
            Action(
                verb="refuse",
                label="不批准",
                handler=export_asks.refuse,
                states=frozenset({State.WAITING}),
                right=export_rules.APPROVE,
                when=_not_own,
                form=Form(
                    "不批准",
                    (FormField("note", "理由", "textarea", required=True, max_length=300),),
                    "退回",
                ),
            ),
            Action(
                verb="withdraw",
                label="撤回",
                handler=export_asks.withdraw,
                style="quiet",
                states=frozenset({State.WAITING}),
                confirm="确定撤回这次导出申请？",
            ),
        ),
        filters=(Filter("state"), Filter("purpose"), Filter("requester"), Filter("asked_at")),
        orders=(("-asked_at", "最近申请在前"), ("number", "按编号")),
        default_order="-asked_at",
        search=("number", "label", "requester"),
        panels=panels,
        empty={"title": "没有导出记录", "hint": "在列表中点“导出”后，这里会列出每次导出。"},
    )
