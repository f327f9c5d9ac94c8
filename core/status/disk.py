"""How full the disks are, measured every hour, and how many days are left at the growth that was seen."""

import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.conf import settings

from core.kernel import clock
from core.kernel.context import Actor, acting
from core.status.models import Sample

BY = Actor.system("status")
KEEP = timedelta(days=60)
#: Growth is taken over this span at most, and said only when it covers a day at least.
LOOK_BACK = timedelta(days=30)
AT_LEAST = timedelta(days=1)


@dataclass(frozen=True)
class Place:
    """A folder that grows: its key, its Chinese name and where it is."""

    key: str
    label: str
    path: Path


@dataclass(frozen=True)
class Outlook:
    """Bytes free and in all, growth in bytes a day (None: not yet seen for a day), days left (None: none to tell)."""

    free: int
    total: int
    growth: float | None
    days_left: float | None


def places() -> list[Place]:
    """The data folder, and the folder of backups where that is another disk."""
    home = Place("home", "数据目录", Path(settings.HOME))
    backups = Path(settings.BACKUP_DIR)
    there = next((one for one in (backups, *backups.parents) if one.exists()), home.path)
    if there.stat().st_dev == home.path.stat().st_dev:
        return [home]
    return [home, Place("backup", "备份目录", there)]


def sample() -> int:
    """Note how full each place is now, and forget what is older than 60 days; how many places."""
    at = clock.now()
    with acting(BY):
        for place in places():
            usage = shutil.disk_usage(place.path)
            Sample.objects.create(place=place.key, at=at, used=usage.used, free=usage.free)
        Sample.objects.filter(at__lt=at - KEEP).delete()
    return len(places())


def outlook(place: Place) -> Outlook:
    """What is free now, and for how long at the growth of the last 30 days (least squares over the samples)."""
    usage, now = shutil.disk_usage(place.path), clock.now()
    rows = list(
        Sample.objects.filter(place=place.key, at__gte=now - LOOK_BACK, at__lte=now).values_list("at", "used")
    )
    points = [((at - now).total_seconds() / 86400, used) for at, used in rows] + [(0.0, usage.used)]
    if -min(days for days, _ in points) < AT_LEAST.total_seconds() / 86400:
        return Outlook(usage.free, usage.total, None, None)
    growth = _slope(points)
    return Outlook(usage.free, usage.total, growth, usage.free / growth if growth > 0 else None)


def _slope(points: list[tuple[float, int]]) -> float:
    count = len(points)
    middle_x, middle_y = sum(x for x, _ in points) / count, sum(y for _, y in points) / count
    spread = sum((x - middle_x) ** 2 for x, _ in points)
    return sum((x - middle_x) * (y - middle_y) for x, y in points) / spread if spread else 0.0
