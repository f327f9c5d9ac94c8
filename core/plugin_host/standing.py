"""What the status page says of plugins: which are loaded, which were put aside and why."""

from core.plugin_host.manifest import manifests
from core.plugin_host.service import quarantined
from core.status.registry import Metric, Said, ok, warn


def plugins() -> Said:
    """A quarantined plugin is named with its reason; the platform runs without it."""
    loaded, aside = manifests(), quarantined()
    figures = (("已装入", "、".join(one.name for one in loaded.values()) or "无"),)
    metrics: tuple[Metric, ...] = (
        ("plugins_loaded", {}, float(len(loaded))),
        ("plugins_quarantined", {}, float(len(aside))),
    )
    if aside:
        first = aside[0]
        return warn(
            f"{len(aside)} 个插件已隔离，平台照常运行。“{first.name}”：{first.reason}。",
            first.cure or "请运行 manage.py plugins doctor 看原因。",
            figures=(*figures, ("已隔离", "、".join(one.name for one in aside))),
            metrics=metrics,
        )
    return ok("插件都已装入。", figures=figures, metrics=metrics)
