"""What a list was asked for: condition, search, order, place; each checked against what the resource offers."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from core.kernel.errors import FieldError, Invalid
from core.kernel.expressions import Call, Expr, Field, Value, both, parse
from core.resources.rights import Rights
from core.resources.source import Order

MAX_WHERE = 16_000
MAX_SEARCH = 100
MAX_LIMIT = 200
DEFAULT_LIMIT = 50


@dataclass(frozen=True)
class Asked:
    """A checked request for rows. `about` binds its cursors."""

    where: Expr | None
    order: Order
    about: str


def read(rights: Rights, where: Any, q: str, order: str) -> Asked:
    """Check what was asked. Raises Problem "invalid" with the place."""
    found = both(condition(rights, where), _search(rights, q))
    text = json.dumps(
        [where if isinstance(where, str) else json.dumps(where, sort_keys=True, default=str), q, order]
    )
    digest = hashlib.sha256(text.encode()).hexdigest()
    principal = rights.principal
    about = f"{principal.hospital_id}|{principal.user_uid}|{rights.spec.key}|{digest}"
    return Asked(found, _order(rights, order), about)


def condition(rights: Rights, where: Any) -> Expr | None:
    """The filter as a typed expression. `where` is a JSON text, a tree, or nothing."""
    if where in (None, "", {}):
        return None
    if isinstance(where, str):
        if len(where) > MAX_WHERE:
            raise Invalid("筛选条件过长，请减少条件。", [FieldError("/where", "筛选条件过长")])
        try:
            where = json.loads(where)
        except (ValueError, RecursionError):
            raise Invalid("筛选条件不是有效的 JSON。", [FieldError("/where", "不是有效的 JSON")]) from None
    return parse(where, filterable(rights))


def filterable(rights: Rights) -> dict[str, str]:
    """Field → expression type, of what this person may filter by."""
    spec, ceiling = rights.spec, rights.ceiling()
    return {f.key: f.expr_type for f in spec.fields if f.filterable and spec.class_of(f.key) <= ceiling}


def page_size(limit: Any) -> int:
    """The number of rows wanted."""
    if limit in (None, ""):
        return DEFAULT_LIMIT
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MAX_LIMIT:
        raise Invalid(f"每页行数应为 1 至 {MAX_LIMIT}。", [FieldError("/limit", f"应为 1 至 {MAX_LIMIT}")])
    return limit


def _search(rights: Rights, q: str) -> Expr | None:
    q = (q or "").strip()
    if not q:
        return None
    if len(q) > MAX_SEARCH or "\0" in q or any(0xD800 <= ord(c) <= 0xDFFF for c in q):
        raise Invalid(
            f"查找内容最多 {MAX_SEARCH} 字。", [FieldError("/q", "查找内容过长或含有不能使用的字符")]
        )
    open_to = filterable(rights)
    keys = [key for key in rights.spec.search if key in open_to]
    if not keys:
        raise Invalid(
            "这个列表不能按文字查找。", [FieldError("/q", "这个列表不能按文字查找", "请使用筛选条件")]
        )
    tests = tuple(Call("contains", (Field(key, "text"), Value(q, "text")), "bool") for key in keys)
    return tests[0] if len(tests) == 1 else Call("or", tests, "bool")


def _order(rights: Rights, order: str) -> Order:
    spec = rights.spec
    wanted = order or spec.default_order
    if not wanted:
        return Order()
    key = wanted.removeprefix("-")
    field = spec.by_key.get(key)
    if field is not None and field.sortable and spec.class_of(key) <= rights.ceiling():
        return Order(key, wanted.startswith("-"))
    if not order:
        return Order()  # the list's own order is by a field this person may not see
    message = f"不能按“{field.label if field else key[:40]}”排序"
    raise Invalid(f"{message}。", [FieldError("/order", message, "请使用列表给出的排序方式")])
