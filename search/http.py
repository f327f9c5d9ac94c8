"""The search of a hospital over HTTP: for people with a post there, and for visitors what is public."""

from datetime import date
from typing import Any

from django.http import HttpRequest
from ninja import Path, Query, Router

from core.kernel.errors import FieldError, Invalid
from search import normalise, query

router = Router(tags=["search"])

MAX_LIMIT = 100


@router.get("/search", response=dict[str, Any])
def search(
    request: HttpRequest,
    hospital: Path[str],
    q: str = "",
    type: str = "",
    department: str = "",
    state: str = "",
    since: str = Query("", alias="from"),
    until: str = Query("", alias="to"),
    page: int = 1,
    limit: int = query.PAGE,
) -> dict[str, Any]:
    """What this person may find: hits, totals, groups and facets, all within policy."""
    errors = []
    if not 1 <= page <= query.MAX_PAGES:
        errors.append(
            FieldError(
                "/page",
                f"页码应在 1 到 {query.MAX_PAGES} 之间。",
                cure="结果太多时，请增加检索词或筛选条件。",
            )
        )
    if not 1 <= limit <= MAX_LIMIT:
        errors.append(FieldError("/limit", f"每页条数应在 1 到 {MAX_LIMIT} 之间。"))
    if errors:
        raise Invalid("请求的内容不符合格式，请检查后再试。", errors)
    choices = query.Choices(
        normalise.plain(type)[:80],
        normalise.plain(department)[:120],
        normalise.plain(state)[:80],
        _day("/from", since),
        _day("/to", until),
    )
    return query.search(request.principal, q, choices, page=page, limit=limit)  # type: ignore[attr-defined]


@router.get("/search/suggest", response=dict[str, Any])
def suggest(request: HttpRequest, hospital: Path[str], q: str = "") -> dict[str, Any]:
    """What the words typed so far may become: titles and names this person may see."""
    return {"items": query.suggest(request.principal, q)}  # type: ignore[attr-defined]


def _day(pointer: str, text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        error = FieldError(pointer, "日期应写成 2026-01-31 的样子。")
        raise Invalid("日期的格式不对，请检查后再试。", [error]) from None
