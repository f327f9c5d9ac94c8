"""Running numbers of a hospital, such as DC2026-00012: counted by pattern and year, without gaps or doubles."""

from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction

from core.kernel import clock
from core.resources.models import Sequence


def next_number(pattern: str, *, hospital_id: int, year: int | None = None) -> str:
    """The next number of `pattern` ("DC{year}-{n:05}") in the caller's `acting()`; it counts only if that commits.

    `year` is the present one in Shanghai by default. The row is locked until the transaction ends, so that two
    callers never get the same number.
    """
    at = year or clock.now().astimezone(ZoneInfo("Asia/Shanghai")).year
    same = {"hospital_id": hospital_id, "pattern": pattern, "year": at}
    row = Sequence.objects.select_for_update().filter(**same).first()
    if row is None:
        try:
            with transaction.atomic():
                Sequence.objects.create(**same)
        except IntegrityError:
            pass  # another one made it; its lock is waited for
        row = Sequence.objects.select_for_update().get(**same)
    row.last += 1
    row.save(update_fields=["last"])
    return pattern.format(year=at, n=row.last)
