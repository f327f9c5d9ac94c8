"""Quarterly rankings on the site: the list with its freeze action, and what rankings of doctors stand on."""

from typing import Any

from django.db.models import Q

from core.plugin_api import Hospital, Principal, TypePolicy, current_hospital, register_type
from core.plugin_api.jobs import JobContext, job
from core.plugin_api.publications import Snapshot, fields
from core.plugin_api.resources import (
    Action,
    Field,
    Filter,
    Form,
    FormField,
    ModelSource,
    ResourceSpec,
    Row,
    register,
)
from plugins.warning.domain import disclosure, quarters
from plugins.warning.domain.freezing import JOB, PREFIX, start_freeze
from plugins.warning.models import DisclosureEntry

#: Kept apart from `domain.rankings.KINDS`, which loads the engine; a test compares them.
KINDS = {
    "top20_drugs": "用药金额前 20 名药品（公开）",
    "top20_drugs_ddd": "限定日剂量数前 20 名药品（公开）",
    "top20_doctors": "用药金额前 20 名医师（院内公示）",
    "top20_doctors_ddd": "限定日剂量数前 20 名医师（院内公示）",
}
QUARTER_HELP = "只列出已经结束、三个月的处方明细都已导入的季度。"

register_type(TypePolicy("warning.ranking", "季度排名", 2))
register_type(TypePolicy("warning.disclosure", "公示依据", 2, {"person": "doctor"}, person_by="source_code"))


@job(JOB, label="冻结季度排名", plugin="warning")
def freeze_job(ctx: JobContext) -> dict[str, Any]:
    """Compute a quarter's ranking and freeze it."""
    from plugins.warning.domain.freezing import run_freeze

    return run_freeze(ctx)


def _quarters(principal: Principal) -> list[tuple[str, str]]:
    hospital = Hospital.objects.get(pk=principal.hospital_id)
    return [(quarter, quarters.label(quarter)) for quarter in quarters.complete(hospital)]


def _address(row: Row) -> str:
    hospital = current_hospital()
    return f"/h/{hospital.slug if hospital else ''}/r/publications.snapshot/{row.uid}"


register(
    ResourceSpec(
        key="warning.ranking",
        label="季度排名",
        label_plural="季度排名",
        plugin="warning",
        data_class=2,
        question="各季度用药排名是否已经冻结公示？",
        icon="榜",
        fields=fields(),
        filters=(Filter("period", "期间"), Filter("audience", "公示范围", "choice")),
        orders=(("-frozen_at", "最近冻结在前"), ("-period", "期间")),
        default_order="-frozen_at",
        search=("title",),
        href=_address,
        actions=(
            Action(
                verb="freeze",
                label="冻结季度排名",
                handler=start_freeze,
                style="primary",
                scope="list",
                form=Form(
                    title="冻结季度排名",
                    help="冻结后内容不再改变。已冻结过的季度，内容没有变化时不另存；有变化时须写明更正原因，另存新的一版。",
                    submit_label="冻结",
                    fields=(
                        FormField("quarter", "季度", "choice", True, QUARTER_HELP, choices=_quarters),
                        FormField("kind", "排名", "choice", True, choices=tuple(KINDS.items())),
                        FormField(
                            "reason",
                            "更正原因",
                            "textarea",
                            help="第一次冻结不用填写。",
                            max_length=400,
                        ),
                    ),
                ),
            ),
        ),
        empty={"title": "还没有冻结过排名", "hint": "导入完整的一个季度后，点“冻结季度排名”。"},
    ),
    ModelSource(Snapshot, label="title", state="audience", where=Q(kind__startswith=f"{PREFIX}top")),
)

register(
    ResourceSpec(
        key="warning.disclosure",
        label="公示依据",
        label_plural="公示依据",
        plugin="warning",
        data_class=2,
        question="医师排名按什么规定公示姓名，医师说了什么？",
        icon="据",
        fields=(
            Field("text", "依据或说明", role="primary", filterable=True),
            Field("kind", "种类", labels=DisclosureEntry.KINDS, filterable=True, role="secondary"),
            Field("number", "序号", "number"),
            Field("show_names", "公示姓名", "bool"),
            Field("quarter", "季度", "code", compute=lambda v: _spoken(v["quarter"]), needs=("quarter",)),
            Field("doctor", "医师工号", "code", data_class=3),
            Field("entered_at", "登记时间", "datetime", sortable=True),
            Field("entered_by", "登记人", role="secondary"),
        ),
        filters=(Filter("kind", "种类", "choice"),),
        orders=(("-entered_at", "最近登记在前"),),
        default_order="-entered_at",
        search=("text",),
        actions=(
            Action(
                verb="names",
                label="登记公示规定",
                handler=disclosure.record_names,
                scope="list",
                form=Form(
                    title="登记公示规定",
                    help="没有登记规定时，医师排名隐去姓名。登记后从下次冻结起生效，已冻结的不变。",
                    submit_label="登记",
                    fields=(
                        FormField(
                            "show",
                            "姓名",
                            "choice",
                            True,
                            choices=(("show", "公示姓名"), ("mask", "隐去姓名")),
                        ),
                        FormField(
                            "basis", "依据的规定", "textarea", True, "文件名称、文号、条款。", max_length=400
                        ),
                    ),
                ),
            ),
            Action(
                verb="statement",
                label="登记医师说明",
                handler=disclosure.record_statement,
                scope="list",
                form=Form(
                    title="登记医师说明",
                    help="说明与该医师的排名一同公示。再次登记以最后一次为准；留空即撤回。",
                    submit_label="登记",
                    fields=(
                        FormField("quarter", "季度", "choice", True, QUARTER_HELP, choices=_quarters),
                        FormField(
                            "doctor", "医师工号", "text", True, "与处方明细中的工号相同。", max_length=60
                        ),
                        FormField("text", "说明", "textarea", max_length=300),
                    ),
                ),
            ),
        ),
        title=lambda row: f"{DisclosureEntry.KINDS[str(row.values['kind'])]}第 {row.values['number']} 号",
        empty={"title": "还没有登记", "hint": "登记公示规定之前，医师排名隐去姓名。"},
    ),
    ModelSource(DisclosureEntry, label="text"),
)


def _spoken(quarter: str) -> str:
    return quarters.label(quarter) if quarter else ""
