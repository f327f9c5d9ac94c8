"""Notices of the lake: an import has come to its end."""

from typing import Any

from core.kernel.context import acting
from core.lake import datasets
from core.lake.models import LakeImport
from core.notify.domain import NoticeKind, person_of, register_kind, send

FINISHED = register_kind(
    NoticeKind(
        key="lake.import_finished",
        label="导入完成",
        title="“{dataset}”{state}",
        template="您导入的“{dataset}”{state}：入库 {landed} 行，未通过检查 {kept_out} 行。",
        hint="自己发起的数据导入有了结果",
        slots={"dataset": 2, "state": 2, "landed": 2, "kept_out": 2},
        off=frozenset({"mail"}),
    )
)


def finished(done: LakeImport, ctx: Any) -> None:
    """Tell whoever started it. A repeated run of the job tells nobody twice."""
    person = person_of(ctx.actor)
    if person is None:
        return
    with acting(ctx.actor):
        send(
            FINISHED.key,
            [person],
            hospital=ctx.hospital,
            slots={
                "dataset": datasets.get(done.dataset).label,
                "state": done.get_state_display(),
                "landed": done.rows_landed,
                "kept_out": done.rows_quarantined,
            },
            href=f"/h/{ctx.hospital.slug}/r/lake.import/{done.uid}",
            subject=("lake.import", done.uid),
            key=str(done.uid),
        )
