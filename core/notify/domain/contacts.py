"""How people are reached: sealed, shown masked, set by the person or loaded for many."""

import re
from collections.abc import Mapping
from typing import Any

from core.kernel.context import Actor, acting, hospital_scope
from core.kernel.errors import FieldError, Invalid
from core.notify.domain.people import chunks, here
from core.notify.models import Contact
from core.org.models import Hospital
from core.vault.cells import CellError
from core.vault.keys import KeyUnavailable

#: Column → what a value looks like, and what to say of one that does not.
SHAPES = {
    "mail": (
        re.compile(r"[^@\s<>,;\"'()\[\]\\:]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+"),
        "邮箱的格式不对。",
        "例如 li@example.cn。",
    ),
    "mobile": (re.compile(r"\+?\d{5,15}"), "手机号的格式不对。", "只写数字，例如 13800000000。"),
    "wecom": (
        re.compile(r"[A-Za-z0-9_.@-]{1,64}"),
        "企业微信账号的格式不对。",
        "在企业微信管理后台的通讯录里可以看到。",
    ),
}
UNREADABLE = "（暂时打不开）"


def masked(person: int) -> dict[str, str]:
    """{mail_masked, mobile_masked, wecom_masked}; empty where nothing is kept. Within the hospital's scope."""
    row = Contact.objects.filter(person_id=person).first()
    return {f"{name}_masked": _mask(row, name) for name in SHAPES}


def keep(hospital: Hospital, given: Mapping[int, Mapping[str, str]], *, by: Actor) -> int:
    """Write {person: {mail, mobile, wecom}}; a column not named stays, an empty one is cleared. How many persons changed.

    Persons without a post in the hospital today are passed over. Raises Invalid naming the person's place and column.
    """
    errors = []
    clean: dict[int, dict[str, str | None]] = {}
    for place, (person, values) in enumerate(given.items()):
        for name, value in values.items():
            text = "".join(str(value or "").split())
            shape, wrong, cure = SHAPES[name]
            if text and (len(text) > 120 or not shape.fullmatch(text)):
                errors.append(FieldError(pointer=f"/{place}/{name}", message=wrong, cure=cure))
            clean.setdefault(person, {})[name] = text or None
    if errors:
        raise Invalid("联系方式有误，请按提示修改。", errors)
    changed = 0
    with hospital_scope(hospital), acting(by):
        for part in chunks(here(clean, hospital)):
            there = {row.person_id: row for row in Contact.objects.filter(person_id__in=part)}
            fresh = []
            for person in part:
                row = there.get(person) or Contact(hospital=hospital, person_id=person)
                if not _change(row, clean[person]):
                    continue
                changed += 1
                if row.pk is None:
                    fresh.append(row)
                else:
                    row.version += 1
                    row.save()
            Contact.objects.bulk_create(fresh, batch_size=200)
    return changed


def _change(row: Contact, values: Mapping[str, str | None]) -> bool:
    changed = False
    for name, value in values.items():
        if _open(row, name) != value:
            setattr(row, name, value)
            changed = True
    return changed


def _open(row: Contact, name: str) -> Any:
    """The kept text; a mark of its own for a cell that does not open, so that it can be written anew."""
    try:
        return getattr(row, name)
    except (CellError, KeyUnavailable):
        return UNREADABLE


def _mask(row: Contact | None, name: str) -> str:
    value = _open(row, name) if row is not None else None
    if not value or value == UNREADABLE:
        return value or ""
    if name == "mail":
        local, _, domain = value.partition("@")
        return f"{local[0]}***@{domain}"
    if name == "mobile":
        return f"{value[:3]}****{value[-2:]}" if len(value) >= 8 else "****"
    return f"{value[0]}***"
