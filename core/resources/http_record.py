"""How the record stands, for the audit administrator."""

from datetime import timedelta
from typing import Any

from django.db.models import Count, Q, Sum
from django.http import HttpRequest
from ninja import Path, Router

from core.audit import state
from core.audit.models import ReadingDay
from core.kernel import clock
from core.kernel.context import hospital_scope
from core.kernel.errors import NotFound
from core.policy.decide import may
from core.resources.specs_record import READING

router = Router(tags=["record"])
DAYS = 30


@router.get("/record/summary", operation_id="record_summary", response=dict[str, Any])
def summary(request: HttpRequest, hospital: Path[str]) -> dict[str, Any]:
    """{unsealed, last_seal, last_verify, head, copies, days}: the seal, its places, and the last thirty days."""
    principal = request.principal  # type: ignore[attr-defined]
    if not may(principal, "view", READING):
        raise NotFound()
    with hospital_scope(principal.hospital):
        first = clock.today() - timedelta(days=DAYS)
        days = (
            ReadingDay.objects.filter(hospital_id=principal.hospital_id, day__gt=first)
            .order_by("-day")
            .values("day")
            .annotate(reads=Sum("lookups"), bulk=Count("id", filter=Q(over=True)))
        )
        found = [{"day": one["day"].isoformat(), "reads": one["reads"], "bulk": one["bulk"]} for one in days]
    return state.summary() | {"days": found}
