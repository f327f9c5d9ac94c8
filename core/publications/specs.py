"""Frozen tables as a resource: the list, the page, the table as an Excel file."""

from collections.abc import Mapping
from typing import Any

from core.org.models import Hospital
from core.policy.types import TypePolicy, register_type
from core.publications import panels
from core.publications.domain.canonical import HEADER
from core.publications.domain.show import state_of
from core.publications.export import export_rows
from core.publications.models import Snapshot
from core.resources.model_source import ModelSource
from core.resources.registry import register
from core.resources.spec import Action, Field, Filter, ResourceSpec

_WHOLE = (*HEADER, "uid", "frozen_at", "columns", "rows", "basis", "sha256")
TYPE = TypePolicy("publications.snapshot", "公示存档", 2, {"state": "audience", "object": "uid"})


def register_all() -> None:
    """Make the type and the resource known; called when Django is ready."""
    register_type(TYPE)
    register(_spec(), source())


def source(where: Any = None) -> ModelSource:
    """Rows of the hospital's frozen tables; the newest first by id."""
    return ModelSource(Snapshot, label="title", state="audience", where=where)


def fields() -> tuple[Field, ...]:
    """The columns, also for a plugin's own list of what it froze."""
    return (
        Field("title", "名称", role="primary", filterable=True),
        Field("period", "期间", filterable=True, sortable=True, role="secondary"),
        Field("n", "样本量", "number"),
        Field("number", "版次", "number", path="version", role="secondary"),
        Field("audience", "公示范围", labels=dict(Snapshot.Audience.choices), filterable=True),
        Field(
            "standing",
            "状态",
            "state",
            compute=standing,
            needs=(*_WHOLE, "hospital__uid", "replaces__uid", "replaced_by__uid"),
            labels=Snapshot.STANDINGS,
            role="secondary",
        ),
        Field("frozen_at", "冻结时间", "datetime", sortable=True),
        Field("frozen_by", "冻结人"),
        Field("sha256", "校验值", "code", column=False),
        Field("kind", "种类", "code", filterable=True, column=False),
    )


def standing(values: Mapping[str, Any]) -> str:
    """The standing of a list's row, its hash computed from what was read."""
    own = {name: values[name] for name in _WHOLE}
    replaced = Snapshot(uid=values["replaces__uid"]) if values["replaces__uid"] else None
    one = Snapshot(**own, hospital=Hospital(uid=values["hospital__uid"]), replaces=replaced)
    return state_of(one, corrected=values["replaced_by__uid"] is not None)


def _spec() -> ResourceSpec:
    return ResourceSpec(
        key=TYPE.key,
        label="公示存档",
        label_plural="公示存档",
        question="公示用过哪些名单，内容与冻结时是否一致？",
        data_class=2,
        icon="档",
        group="公示",
        fields=fields(),
        filters=(Filter("period", "期间"), Filter("audience", "公示范围", "choice")),
        orders=(("-frozen_at", "最近冻结在前"), ("-period", "期间")),
        default_order="-frozen_at",
        search=("title",),
        export=True,
        actions=(
            Action(
                verb="export_rows",
                label="导出名单",
                handler=export_rows,
                right="export",
                checks_version=False,
            ),
        ),
        title=panels.title,
        subtitle=panels.subtitle,
        badges=panels.badges,
        panels=panels.panels,
        empty={
            "title": "还没有存档的公示",
            "hint": "由纪检监察室或行风办在“季度排名”里冻结，冻结后存在这里，不再改变。",
        },
    )
