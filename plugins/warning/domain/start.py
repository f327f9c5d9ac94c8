"""The run as a job: parameters in, progress out, a link to the result."""

from typing import Any

from core.plugin_api import Hospital
from core.plugin_api.jobs import JobContext
from plugins.warning.domain.run import Asked, parse_as_of, run


def start_run(ctx: JobContext) -> dict[str, Any]:
    """Run with the job's parameters {as_of, months, rules, live}; the job's result."""
    asked = Asked(
        as_of=parse_as_of(ctx.params["as_of"]) if ctx.params.get("as_of") else None,
        months=ctx.params.get("months"),
        rules=ctx.params.get("rules"),
        live=bool(ctx.params.get("live", True)),
        job=ctx.key,
    )

    def stopped() -> bool:
        ctx.check_cancelled()
        return False

    hospital = Hospital.objects.get(pk=ctx.hospital.id)
    row = run(hospital, asked, by=ctx.actor, progress=ctx.progress, stopped=stopped)
    return {
        "run": str(row.uid),
        "found": row.found,
        "opened": row.opened,
        "unevaluated": row.unevaluated,
        "message": f"计算完成：{row.rules} 条规则，发现 {row.found} 处，新发出 {row.opened} 条预警。",
        "href": f"/h/{hospital.slug}/r/warning.warning",
    }
