"""The demonstration's warnings: one live run, then a few cases on their way, through the gateway as people would."""

from typing import Any

from core.plugin_api import Actor, Hospital
from core.plugin_api.files import keep
from core.plugin_api.resources import gateway
from plugins.warning.domain.freezing import freeze_ranking
from plugins.warning.domain.quarters import complete
from plugins.warning.domain.run import Asked, run
from plugins.warning.models import Warning, WarningRun

STATEMENT = "病区本月收治两例复杂病例，用量高于平时。已组织科内讨论，讨论记录见附件。"


def fill(world: Any, hospital: Hospital) -> None:
    """Run once and move up to four warnings on: two wait for their departments, one is answered, one is closed."""
    if not WarningRun.unscoped.filter(hospital=hospital, state="done", live=True).exists():
        run(
            hospital,
            Asked(),
            by=Actor.system("demo"),
            progress=lambda done, total, note: None,
            stopped=lambda: False,
        )
    _rankings(hospital)
    inspector = world.principal("inspector", hospital.slug)
    heads = world.heads(hospital.slug)
    mine = Warning.unscoped.filter(hospital=hospital).select_related("department", "flow")
    chosen = mine.filter(department_id__in=heads).order_by("-level_rank", "rule_class", "id")[:3]
    for place, warning in enumerate(chosen):
        if warning.flow.state == "open":
            department = str(warning.department.uid)
            _do(
                inspector, "assign", warning, {"department": department, "note": "请说明原因，并附讨论记录。"}
            )
            warning.flow.refresh_from_db()
        if place == 2 and warning.flow.state == "waiting":
            head = heads[warning.department_id]
            file = keep(STATEMENT.encode(), name="科内讨论记录.txt", by=head)
            _do(head, "answer", warning, {"note": STATEMENT, "files": [file]})
    last = mine.filter(flow__state="open", rule_class="D").order_by("id").first()
    if last and not mine.filter(flow__state="closed").exists():
        _do(
            inspector,
            "close",
            last,
            {"outcome": "explained", "note": "经核对，处方属实，已由药学部点评并反馈医师。"},
        )


def _rankings(hospital: Hospital) -> None:
    """The last whole quarter's drugs and doctors, frozen; a second load finds nothing changed."""
    ready = complete(hospital)
    for kind in ("top20_drugs", "top20_doctors") if ready else ():
        freeze_ranking(hospital, ready[0], kind, by=Actor.system("demo"))


def _do(principal: Any, verb: str, warning: Warning, values: dict[str, Any]) -> None:
    now = gateway.get(principal, "warning.warning", str(warning.uid))
    gateway.command(
        principal,
        "warning.warning",
        verb,
        uid=str(warning.uid),
        expected_version=now.version,
        values=values,
    )
