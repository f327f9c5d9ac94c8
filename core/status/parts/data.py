"""How old the newest landed data is, for each hospital and data set."""

from datetime import timedelta

from django.db.models import Max

from core.kernel import clock
from core.lake import datasets
from core.lake.models import MonthVersion
from core.status.registry import Metric, Said, ok, warn
from core.status.words import moment

#: Monthly data that has not come for so long is overdue: a month, and two weeks to deliver it.
OVERDUE = timedelta(days=45)


def ages() -> Said:
    """Newest month and last arrival of each data set."""
    rows = (
        MonthVersion.unscoped.values("hospital__name", "hospital__slug", "dataset")
        .annotate(last=Max("observed_at"), month=Max("month"))
        .order_by("hospital__slug", "dataset")
    )
    now, known = clock.now(), datasets.all_datasets()
    figures: list[tuple[str, str]] = []
    metrics: list[Metric] = []
    late: list[str] = []
    for row in rows:
        declared = known.get(row["dataset"])
        label = f"{row['hospital__name']} · {declared.label if declared else row['dataset']}"
        monthly = row["month"] != "all"
        shown = f"{row['month']} 月的数据，" if monthly else ""
        figures.append((label, f"{shown}{moment(row['last'])} 入库"))
        age = (now - row["last"]).total_seconds()
        labels = {"hospital": row["hospital__slug"], "dataset": row["dataset"]}
        metrics.append(("data_age_seconds", labels, round(age)))
        if monthly and age > OVERDUE.total_seconds():
            late.append(label)
    more = {"figures": tuple(figures), "metrics": tuple(metrics)}
    if late:
        return warn(
            f"{len(late)} 类数据超过 {OVERDUE.days} 天没有更新：{'、'.join(late[:3])}{'等' if len(late) > 3 else ''}。",
            "请联系药学部、设备耗材科或信息科导入最近的月份；预警只按已有的数据计算。",
            **more,
        )
    if not figures:
        return warn("还没有导入过数据。", "请药学部或设备耗材科在“导入数据”里导入第一批。")
    return ok("各类数据都在一个月之内更新过。", **more)
