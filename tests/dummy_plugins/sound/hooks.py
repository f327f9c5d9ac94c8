"""One card and one thing to do."""

from typing import Any

from core.plugin_api import impl


@impl
def home_cards(principal: Any, today: Any) -> list[dict[str, Any]]:
    """A card that shows that this plugin was asked."""
    return [{"kind": "list", "title": "试用插件甲的卡片", "items": []}]
