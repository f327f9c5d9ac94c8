"""Opening accounts for many at once as a background job, and the sweep of codes that nobody fetched."""

from typing import Any

from core.accounts.domain import opening as openings
from core.accounts.domain import opening_sheet
from core.accounts.models import Opening
from core.jobs.domain.context import Cancelled, JobContext
from core.jobs.registry import every, job
from core.kernel import clock
from core.kernel.context import acting, hospital_scope
from core.kernel.errors import NotFound, Problem, Refused
from core.resources import export, ports

KIND = "accounts.open"
SWEEP = "accounts.open_sweep"


def register() -> None:
    """Make the jobs known."""
    job(KIND, label="批量开通账号", max_attempts=3)(run)
    job(SWEEP, label="清除没有领取的登录码")(sweep)
    every(3600, SWEEP)


def run(ctx: JobContext) -> dict[str, Any]:
    """Open what is still to be opened, with the requester's rights of this moment; params: {"opening": uid}."""
    with hospital_scope(ctx.hospital):
        found = Opening.objects.select_related("hospital", "department", "party_org").filter(
            uid=ctx.params["opening"]
        )
        opening = found.first()
        if opening is None:
            raise NotFound("没有找到这次批量开通。")
        principal = None
        try:
            principal = export.requester(str(opening.user_uid), ctx.hospital)
            allowed = openings.reaches(principal) if principal is not None else []
            if principal is None or principal.person_id != opening.person_id or not allowed:
                raise Refused("发起人现在没有开通账号的权限，没有继续开通。")
            with ctx.commit():
                opening_sheet.take_back(opening)
                Opening.objects.filter(pk=opening.pk).update(state=Opening.State.RUNNING, finished_at=None)
            counts = openings.work(
                opening,
                allowed,
                by=ctx.actor,
                commit=ctx.commit,
                tick=lambda done, total: ctx.progress(done, total, "正在开通"),
            )
        except Cancelled:
            _stop(ctx, opening, principal)
            raise
        except Problem as problem:
            if problem.code != "unavailable":  # that one is tried again
                _stop(ctx, opening, principal)
            raise
        answer = {
            "opening": str(opening.uid),
            **counts,
            "href": f"/h/{ctx.hospital.slug}/r/accounts.opening/{opening.uid}",
        }
        with ctx.complete(answer):
            _close(opening, Opening.State.DONE, principal, counts["issued"])
            Opening.objects.filter(pk=opening.pk).update(counts=counts)
            ports.record("accounts.opening.done", "accounts.opening", str(opening.uid), counts, ctx.hospital)
        return answer


def sweep(ctx: JobContext) -> dict[str, Any]:
    """Destroy codes whose sheet nobody fetched in time; how many."""
    with acting(ctx.actor):
        return {"codes": opening_sheet.sweep(clock.now())}


def _stop(ctx: JobContext, opening: Opening, principal: Any) -> None:
    """What was opened so far can be fetched, if its administrator still may."""
    with ctx.commit():
        issued = opening.lines.filter(text__isnull=False).count()
        _close(opening, Opening.State.STOPPED, principal, issued)


def _close(opening: Opening, state: str, principal: Any, issued: int) -> None:
    Opening.objects.filter(pk=opening.pk).update(state=state, finished_at=clock.now())
    if principal is not None and openings.reaches(principal):
        opening_sheet.lay_ready(opening, principal, issued)
