"""The ledger and the quarantined rows as resources."""

from typing import Any

from core.lake import datasets
from core.lake.models import LakeImport, LakeQuarantine
from core.policy.types import TypePolicy, register_type
from core.resources.model_source import ModelSource
from core.resources.registry import register
from core.resources.spec import Field, Filter, ResourceSpec, Row


def register_all() -> None:
    """Make both known; called when Django is ready."""
    labels = {key: d.label for key, d in datasets.all_datasets().items()}
    states = dict(LakeImport.State.choices)
    modes = dict(LakeImport.Mode.choices)
    register_type(TypePolicy(key="lake.import", label="导入记录", data_class=2, attrs={"state": "state"}))
    register_type(TypePolicy(key="lake.lines_whole", label="整院明细", data_class=3))
    register_type(TypePolicy(key="lake.quarantine", label="隔离行", data_class=3, attrs={}))
    register_type(
        TypePolicy(
            key="lake.lines",
            label="已入库明细",
            data_class=3,
            lines={"department": "department"},
            department_by="code",
        )
    )
    register(
        ResourceSpec(
            key="lake.import",
            label="导入记录",
            question="哪些数据在什么时候由谁导入，多少行入库，多少行没有入库？",
            data_class=2,
            icon="database",
            group="数据",
            fields=(
                Field("file_name", "文件", role="primary", filterable=True, sortable=True),
                Field(
                    "dataset",
                    "数据集",
                    type="code",
                    labels=labels,
                    filterable=True,
                    sortable=True,
                    role="secondary",
                ),
                Field(
                    "state",
                    "状态",
                    type="state",
                    labels=states,
                    filterable=True,
                    sortable=True,
                    role="secondary",
                ),
                Field("rows_in", "文件行数", type="number", sortable=True, summable=True),
                Field("rows_landed", "入库", type="number", sortable=True, summable=True, role="secondary"),
                Field("rows_quarantined", "隔离", type="number", sortable=True, summable=True),
                Field("rows_superseded", "被后行取代", type="number", column=False),
                Field("rows_filtered", "筛除", type="number", column=False),
                Field("mode", "方式", type="code", labels=modes, filterable=True, column=False),
                Field("where", "筛选条件", column=False),
                Field("source", "来源", column=False, filterable=True),
                Field("sha256", "校验和", column=False),
                Field("requested_by", "发起人"),
                Field("requested_at", "发起时间", type="datetime", sortable=True, filterable=True),
                Field("finished_at", "完成时间", type="datetime", column=False),
            ),
            filters=(Filter("dataset"), Filter("state"), Filter("requested_at")),
            orders=(("-requested_at", "最近导入在前"), ("file_name", "文件名")),
            default_order="-requested_at",
            search=("file_name",),
            export=True,
            empty={"title": "还没有导入过数据", "hint": "导入处方明细后，这里会列出每次导入的结果。"},
            panels=import_panels,
        ),
        ModelSource(LakeImport, label="file_name", state="state"),
    )
    register(
        ResourceSpec(
            key="lake.quarantine",
            label="隔离行",
            question="哪些行没有入库，为什么？",
            data_class=3,
            icon="alert",
            group="数据",
            fields=(
                Field("file", "文件", path="lake_import__file_name", role="primary", filterable=True),
                Field("file_row", "行", type="number", sortable=True, filterable=True, role="secondary"),
                Field("column", "列", filterable=True),
                Field("cell", "单元格"),
                Field("message", "原因", role="secondary"),
                Field(
                    "import_uid",
                    "导入编号",
                    path="lake_import__uid",
                    type="uid",
                    filterable=True,
                    column=False,
                ),
            ),
            filters=(Filter("file"), Filter("column")),
            orders=(("file_row", "行号"),),
            default_order="file_row",
            empty={"title": "没有被隔离的行", "hint": "导入时有问题的行会留在这里。"},
        ),
        ModelSource(LakeQuarantine, label="message"),
    )


def import_panels(row: Row, principal: Any) -> list[dict[str, Any]]:
    """What became of an import: figures, months, findings."""
    from core.policy.decide import may

    found = LakeImport.objects.get(uid=row.uid)
    panels = [
        {
            "id": "figures",
            "place": "main",
            "kind": "facts",
            "items": [
                {"label": label, "value": f"{getattr(found, key):,}", "unit": "行"}
                for key, label in (
                    ("rows_in", "文件"),
                    ("rows_filtered", "筛除"),
                    ("rows_quarantined", "隔离"),
                    ("rows_landed", "入库"),
                )
            ],
        }
    ]
    if found.state == LakeImport.State.UNCHANGED:
        panels.insert(
            0,
            {
                "id": "say",
                "place": "main",
                "kind": "say",
                "text": "内容与已入库的数据**完全相同**，没有产生新的版次。",
            },
        )
    if found.error:
        panels.insert(0, {"id": "say", "place": "main", "kind": "say", "text": found.error["detail"]})
    if found.months:
        panels.append(
            {
                "id": "months",
                "place": "main",
                "kind": "table",
                "title": "写入的月份",
                "columns": [
                    {"key": "month", "label": "月份", "type": "text"},
                    {"key": "version", "label": "版次", "type": "number"},
                    {"key": "rows", "label": "行数", "type": "number"},
                ],
                "rows": [{"values": m} for m in found.months],
            }
        )
    if found.findings:
        panels.append(
            {
                "id": "findings",
                "place": "main",
                "kind": "table",
                "title": "检查结果",
                "columns": [
                    {"key": k, "label": label, "type": kind}
                    for k, label, kind in (
                        ("row", "行", "number"),
                        ("column", "列", "text"),
                        ("message", "说明", "text"),
                        ("cure", "怎么办", "text"),
                        ("count", "行数", "number"),
                    )
                ],
                "rows": [
                    {"values": {k: f.get(k) for k in ("row", "column", "message", "cure", "count")}}
                    for f in found.findings
                ],
            }
        )
    if found.rows_quarantined and may(principal, "view", "lake.quarantine"):
        panels.append(
            {
                "id": "quarantine",
                "place": "main",
                "kind": "list",
                "title": "隔离行",
                "items": [
                    {
                        "label": "查看没有入库的行",
                        "href": f"/h/{principal.hospital.slug}/r/lake.quarantine?f.file={found.file_name}",
                        "hint": "",
                    }
                ],
            }
        )
    return panels
