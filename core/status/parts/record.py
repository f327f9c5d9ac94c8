"""The sealed log and the keys: is the record closed in time, is its head kept twice, can every key be read."""

from core.audit.guard import check_triggers
from core.audit.heads import copy_state, last_filed_size
from core.audit.models import Head
from core.audit.sealer import unsealed
from core.kernel import clock
from core.status.registry import Metric, Said, bad, ok, warn
from core.status.words import moment, span
from core.vault.keys import KeyUnavailable, key_by_id, key_ids

#: The sealer runs every ten seconds: an unsealed row this old (seconds) means that it stands still.
LATE, STUCK = 300, 3600


def log() -> Said:
    """Age of the oldest unsealed row, the head, and whether the second place has it."""
    count, oldest = unsealed()
    age = (clock.now() - oldest).total_seconds() if oldest else 0.0
    head = Head.objects.order_by("-id").first()
    filed = last_filed_size()
    copy = copy_state()
    figures = (
        ("已封存", f"{head.size if head else 0} 条"),
        ("未封存", f"{count} 条" + (f"，最久 {span(age)}" if count else "")),
        ("上次封存", moment(head.at) if head else "还没有"),
        ("第二处签名", f"{filed} 条"),
        ("另存的签名", f"{copy['where']}，{copy['size']} 条" if copy else "没有设置（QINGLIAN_HEAD_COPY）"),
    )
    metrics: tuple[Metric, ...] = (
        ("log_sealed", {}, float(head.size if head else 0)),
        ("log_unsealed", {}, float(count)),
        ("log_unsealed_oldest_seconds", {}, max(age, 0.0)),
        ("log_filed", {}, float(filed)),
    )
    if broken := check_triggers():
        return bad(
            f"审计触发器与预期不符，已停止写入：{'；'.join(broken[:2])}。",
            "请运行 manage.py migrate，再重新启动网站和后台。",
            figures=figures,
            metrics=metrics,
        )
    if head and filed < head.size and (clock.now() - head.at).total_seconds() > LATE:
        return bad(
            f"审计日志的第二处签名落后：{filed} / {head.size}。",
            "请检查数据目录是否可写，再运行 manage.py audit verify。",
            figures=figures,
            metrics=metrics,
        )
    if copy and not copy["agrees"]:
        return bad(
            f"{copy['text']}。",
            "请先不要改动任何文件，运行 manage.py audit verify，并按 docs/operations/incidents.md“记录被改动”处理。",
            figures=figures,
            metrics=metrics,
        )
    if age >= STUCK:
        return bad(
            f"有 {count} 条审计记录没有封存，最久的已 {span(age)}。",
            "请先看“后台”一项；后台正常时运行 manage.py audit seal，并把显示的话告诉维护人员。",
            figures=figures,
            metrics=metrics,
        )
    if age >= LATE:
        return warn(
            f"有 {count} 条审计记录没有封存，最久的已 {span(age)}。",
            "请先看“后台”一项；后台恢复后会自行补上。",
            figures=figures,
            metrics=metrics,
        )
    return ok("审计记录都已及时封存，两处签名一致。", figures=figures, metrics=metrics)


def keys() -> Said:
    """Every key at hand is read once; its content is not shown."""
    known, broken = key_ids(), []
    for one in known:
        try:
            key_by_id(one)
        except KeyUnavailable as error:
            broken.append(str(error))
    figures = (("密钥", f"{len(known)} 把"),)
    metrics: tuple[Metric, ...] = (
        ("keys", {}, float(len(known))),
        ("keys_unreadable", {}, float(len(broken))),
    )
    if broken:
        return bad(
            f"有 {len(broken)} 把密钥读不出来：{broken[0]}",
            "请从密钥备份里恢复数据目录下的 keys/，权限为 0600；在此之前用它加密的内容打不开。",
            figures=figures,
            metrics=metrics,
        )
    return ok("密钥都可以读出。", figures=figures, metrics=metrics)
