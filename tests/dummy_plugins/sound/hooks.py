"""One card and one thing to do."""

from typing import Any

from core.plugin_api import impl


@impl
def home_cards(principal: Any, today: Any) -> list[dict[str, Any]]:
    """A card that shows that this plugin was asked."""
    return [{"kind": "list", "title": "试用插件甲的卡片", "items": []}]


@impl
def home_todos(principal: Any, today: Any) -> list[dict[str, Any]]:
    """One kind of which only the first two are shown, and a thing by itself."""
    first = [{"title": f"甲事{n}", "href": "/x", "due": {"days_left": n}} for n in (5, 3)]
    alone = {"title": "乙事", "href": "/y", "due": {"days_left": 4}}
    return [{"items": first, "total": 23, "label": "甲事", "href": "/h/binjiang/r/x?state=open"}, alone]
