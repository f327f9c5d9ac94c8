"""Panels of a detail page, as the site draws them. A panel builder gets the masked row and makes a list of these."""

from collections.abc import Sequence
from typing import Any


def say(id: str, text: str, *, place: str = "main") -> dict[str, Any]:
    """One sentence that tells what this is; **bold** parts are allowed."""
    return {"id": id, "kind": "say", "place": place, "text": text}


def facts(
    id: str, items: Sequence[dict[str, Any]], *, title: str = "", place: str = "main"
) -> dict[str, Any]:
    """Figures side by side: items of label, value, unit, hint."""
    return {"id": id, "kind": "facts", "place": place, "title": title, "items": list(items)}


def text(id: str, title: str, body: str, *, place: str = "main") -> dict[str, Any]:
    """A titled paragraph."""
    return {"id": id, "kind": "text", "place": place, "title": title, "body": body}


def links(id: str, title: str, items: Sequence[dict[str, str]], *, place: str = "side") -> dict[str, Any]:
    """Links to other pages: items of label, href, hint."""
    return {"id": id, "kind": "list", "place": place, "title": title, "items": list(items)}


def steps(id: str, title: str, items: Sequence[dict[str, Any]], *, place: str = "main") -> dict[str, Any]:
    """What was done, what is going on, what is to come."""
    return {"id": id, "kind": "steps", "place": place, "title": title, "items": list(items)}


def table(
    id: str, title: str, columns: Sequence[dict[str, Any]], rows: Sequence[dict[str, Any]] | None = None, *,
    source: str = "", count: int | None = None, tabs: str = "", place: str = "main",
) -> dict[str, Any]:  # fmt: skip
    """Rows in the page, or `source`: an address with the shape of the rows endpoint."""
    found: dict[str, Any] = {
        "id": id,
        "kind": "table",
        "place": place,
        "title": title,
        "columns": list(columns),
    }
    for key, value in (
        ("rows", list(rows) if rows is not None else None),
        ("source", {"url": source} if source else None),
        ("count", count),
        ("tabs", tabs or None),
    ):
        if value is not None:
            found[key] = value
    return found
