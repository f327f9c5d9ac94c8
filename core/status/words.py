"""Sizes and spans of time as people read them."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings


def span(seconds: float) -> str:
    """`40 秒`, `12 分钟`, `3 小时`, `5 天`: rounded down to the largest unit that holds."""
    for size, unit in ((86400, "天"), (3600, "小时"), (60, "分钟")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(max(seconds, 0))} 秒"


def size(number: float) -> str:
    """Bytes as KB, MB or GB, decimal."""
    for unit, of in (("GB", 1e9), ("MB", 1e6)):
        if number >= of:
            return f"{number / of:.1f} {unit}"
    return f"{number / 1e3:.0f} KB"


def moment(at: datetime) -> str:
    """An instant in the installation's zone, to the minute."""
    return at.astimezone(ZoneInfo(settings.TIME_ZONE)).strftime("%Y-%m-%d %H:%M")
