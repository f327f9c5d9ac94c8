"""Change sets and Party members as resources."""

from __future__ import annotations

import json
from typing import Any

from core.audit.events import read_event
from core.policy.decide import can
from core.policy.types import TypePolicy, register_type
from core.resources import panels
from core.resources.model_source import ModelSource
from core.resources.registry import register
from core.resources.spec import Action, Command, Done, Field, Filter, ResourceSpec, Row
from core.roster import kinds
from core.roster.models import KINDS, ChangeSet, PartyMembership

#: Rows of one kind of change shown on the page.
SHOWN = 300
SENSITIVE = 3


def register_all() -> None:
    """Make both known; called when Django is ready. The policy "state" of a change set is its list."""
    register_type(TypePolicy("roster.change_set", "人员变动批次", 2, {"state": "kind"}))
    register_type(TypePolicy("roster.membership", "党员", 3, {"person": "person_id"}))
    register(_change_sets(), ModelSource(ChangeSet, label="file_name", state="state"))
    register(_memberships(), ModelSource(PartyMembership, label="person__name"))


def _change_sets() -> ResourceSpec:
    return ResourceSpec(
        key="roster.change_set",
        label="人员变动批次",
        question="每次导入名册改变了什么，能不能撤销？",
        data_class=2,
        icon="人",
        group="组织",
        fields=(
            Field("kind", "名册", "code", labels=dict(KINDS), filterable=True, role="primary"),
            Field(
                "state",
                "状态",
                "state",
                labels=dict(ChangeSet.State.choices),
                filterable=True,
                role="secondary",
            ),
            Field("changed", "变动", "number", sortable=True, role="secondary"),
            Field("effective_on", "生效日期", "date", filterable=True, sortable=True),
            Field("complete", "全员名册", "bool", filterable=True),
            Field("file_name", "文件", filterable=True),
            Field("requested_by", "提交人"),
            Field("requested_at", "提交时间", "datetime", filterable=True, sortable=True, role="secondary"),
            Field("applied_at", "生效时间", "datetime", column=False),
            Field("undone_at", "撤销时间", "datetime", column=False),
        ),
        actions=(
            Action(
                "undo",
                "整批撤销",
                _undo,
                style="quiet",
                confirm="撤销后，这批变动涉及的人员、任职和组织都恢复到变动之前。确定撤销吗？",
                states=frozenset({ChangeSet.State.APPLIED}),
            ),
        ),
        filters=(Filter("kind"), Filter("state"), Filter("requested_at")),
        orders=(("-requested_at", "最近提交在前"), ("-effective_on", "最近生效在前")),
        default_order="-requested_at",
        empty={
            "title": "还没有导入过名册",
            "hint": "导入人员或科室名册后，每一批变动都列在这里，可以整批撤销。",
        },
        panels=_panels,
        title=lambda row: (
            f"{dict(KINDS).get(str(row.values['kind']), '')}名册，{row.values['effective_on']} 起生效"
        ),
    )


def _memberships() -> ResourceSpec:
    return ResourceSpec(
        key="roster.membership",
        label="党员",
        label_plural="党员",
        question="本院有哪些党员和预备党员，在哪个支部？",
        data_class=3,
        icon="员",
        group="组织",
        fields=(
            Field("person", "姓名", "person", path="person__name", data_class=2, filterable=True, role="primary"),
            Field("party_org", "党组织", path="party_org__name", data_class=2, filterable=True, role="secondary"),
            Field("kind", "党员类型", "code", labels=dict(PartyMembership.MEMBER_KINDS), filterable=True, role="secondary"),
            Field("joined_on", "入党日期", "date", filterable=True, sortable=True),
            Field("full_on", "转正日期", "date", filterable=True),
            Field("since_on", "转入日期", "date"),
            Field("left_on", "转出日期", "date", filterable=True),
        ),
        filters=(Filter("party_org"), Filter("kind"), Filter("joined_on"), Filter("left_on")),
        orders=(("-joined_on", "最近入党在前"), ("joined_on", "最早入党在前")),
        default_order="-joined_on",
        search=("person", "party_org"),
        empty={"title": "没有党员", "hint": "导入党员名册后会显示在这里。"},
    )  # fmt: skip


def _undo(command: Command, thing: Any) -> Done:
    from core.roster.domain.changes import undo

    undo(thing, by=command.by)
    return Done(message="已整批撤销，人员和组织恢复到变动之前。", event={"kind": thing.kind})


def _panels(row: Row, principal: Any) -> list[dict[str, Any]]:
    found = ChangeSet.objects.get(uid=row.uid)
    kind = kinds.get(found.kind)
    made = [_sentence(found, kind)]
    items = [
        {"label": kind.word(change), "value": f"{count:,}", "unit": "行"}
        for change, count in found.counts.items()
        if count
    ]
    if items:
        made.append(panels.facts("counts", items))
    seen = can(principal, "view", "roster.change_set", dict(row.attrs))
    if found.difference is None or seen.max_class < SENSITIVE:
        return made
    read_event(principal, "roster.change_set", found.uid, "变动明细")
    entries = json.loads(found.difference)["entries"]
    for change in kinds.CHANGES:
        rows = [entry for entry in entries if entry["change"] == change]
        if rows:
            made.append(_table(kind.word(change), change, rows))
    return made


def _table(label: str, change: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    columns = [
        {"key": "name", "label": "名称", "type": "text"},
        {"key": "text", "label": "变动", "type": "text"},
        {"key": "from", "label": "原来", "type": "text"},
        {"key": "to", "label": "现在", "type": "text"},
    ]
    shown = [
        {"values": {key: entry[key] for key in ("name", "text", "from", "to")}} for entry in rows[:SHOWN]
    ]
    title = label if len(rows) <= SHOWN else f"{label}（前 {SHOWN} 行）"
    return panels.table(f"rows-{change}", title, columns, shown, count=len(rows), tabs="difference")


def _sentence(found: ChangeSet, kind: kinds.Kind) -> dict[str, Any]:
    if found.state == ChangeSet.State.APPLIED:
        said = f"这份{kind.label}名册从 **{found.effective_on}** 起生效，共 **{found.changed}** 处变动。如有差错，可以整批撤销。"
    elif found.state == ChangeSet.State.UNDONE:
        said = f"这批变动已由 {found.undone_by} **撤销**，人员和组织恢复到变动之前。"
    elif found.state == ChangeSet.State.CANCELLED:
        said = "这批变动在写入之前**已取消**，没有改变任何内容。"
    elif found.state == ChangeSet.State.FAILED:
        said = f"这批变动**没有生效**，没有改变任何内容。{(found.error or {}).get('detail', '')}"
    else:
        said = "这批变动正在办理；完成之前没有改变任何内容。"
    return panels.say("say", said)
