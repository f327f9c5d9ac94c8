"""Kinds of notice: a fixed Chinese sentence with slots whose data class is declared. Class 3 and 4 never enters one.

A slot is a class (1 or 2), or "resource:field", whose class is then read from that declaration at start: if someone
raises the field to class 3, the installation refuses to start until the notice is changed.
"""

import re
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

MAX_CLASS = 2
CHANNELS = ("inbox", "wecom", "mail")
CHANNEL_LABELS = {"inbox": "站内消息", "wecom": "企业微信", "mail": "邮件"}
#: Longest text that one slot puts into a sentence, characters.
SLOT_LENGTH = 60
TITLE_LENGTH, TEXT_LENGTH = 120, 400


class BadKind(ValueError):
    """A kind that cannot be used: a fault of its author, told at start."""


@dataclass(frozen=True)
class Due:
    """A deadline as a notice shows it: the day, its basis, whether it is provisional (暂算)."""

    on: date
    basis: str = ""
    provisional: bool = False


@dataclass(frozen=True)
class NoticeKind:
    """One kind.

    `template` is the sentence, `title` the short line above it (the label when empty); both name slots as `{slot}`.
    `channels`: where it may go. `off`: channels that are off until someone switches them on. `locked`: channels nobody
    switches. `urgent` breaks into the night's rest. `todo`: its thing is in the home page's list of to-dos already and is
    not counted again. `lasting`: stays open until the thing is finished (`resolve`), else until it is read.
    """

    key: str
    label: str
    template: str
    slots: Mapping[str, int | str] = field(default_factory=dict)
    title: str = ""
    hint: str = ""
    plugin: str = ""
    channels: tuple[str, ...] = CHANNELS
    off: frozenset[str] = frozenset()
    locked: frozenset[str] = frozenset({"inbox"})
    urgent: bool = False
    todo: bool = False
    lasting: bool = False


_kinds: dict[str, NoticeKind] = {}


def register_kind(kind: NoticeKind) -> NoticeKind:
    """Make a kind known; the same key again replaces it. Raises BadKind."""
    _check(kind)
    _kinds[kind.key] = kind
    return kind


def kind_of(key: str) -> NoticeKind | None:
    """The kind of that key; None when its plugin is gone."""
    return _kinds.get(key)


def all_kinds() -> list[NoticeKind]:
    """All kinds, by key."""
    return [_kinds[key] for key in sorted(_kinds)]


def forget_kind(key: str) -> None:
    """Take a kind out again: for tests."""
    _kinds.pop(key, None)


def check_sources(kinds: Iterable[NoticeKind] | None = None) -> None:
    """Read the class of every slot that names a field. Raises BadKind for an unknown field, or one above class 2.

    Called once when all resources are registered.
    """
    from core.resources import registry

    for kind in all_kinds() if kinds is None else kinds:
        for name, source in kind.slots.items():
            if isinstance(source, int):
                continue
            key, _, wanted = source.partition(":")
            found = registry.get(key)
            if found is None or wanted not in found.spec.by_key:
                raise BadKind(f"{kind.key}: slot {name} names {source!r}, which is no field of a resource")
            _class(kind, name, found.spec.class_of(wanted))


def render(kind: NoticeKind, slots: Mapping[str, Any]) -> tuple[str, str]:
    """Title and text. Raises ValueError when a slot is missing or unknown: a fault in the caller."""
    if set(slots) != set(kind.slots):
        raise ValueError(f"{kind.key}: slots {sorted(slots)}, declared {sorted(kind.slots)}")
    clean = {name: _one_line(value) for name, value in slots.items()}
    title = (kind.title or kind.label).format_map(clean)
    return title[:TITLE_LENGTH], kind.template.format_map(clean)[:TEXT_LENGTH]


def _one_line(value: Any) -> str:
    """Plain text of one line: nothing in a slot can add a header to a mail or markup to a card."""
    text = re.sub(r"\s+", " ", "".join(c if c.isprintable() else " " for c in str(value))).strip()
    text = text.replace("<", "〈").replace(">", "〉")
    return text if len(text) <= SLOT_LENGTH else text[: SLOT_LENGTH - 1] + "…"


def _check(kind: NoticeKind) -> None:
    named = set()
    for text in (kind.template, kind.title):
        try:
            parts = list(string.Formatter().parse(text))
        except ValueError as error:
            raise BadKind(f"{kind.key}: {error}") from None
        for _, name, spec, conversion in parts:
            if name is None:
                continue
            if not name.isidentifier() or spec or conversion:
                raise BadKind(f"{kind.key}: only plain slots such as {{name}} stand in a template")
            named.add(name)
    if named - set(kind.slots):
        raise BadKind(f"{kind.key}: template names {sorted(named - set(kind.slots))}, which is no slot")
    for name, source in kind.slots.items():
        if isinstance(source, int):
            _class(kind, name, source)
        elif not re.fullmatch(r"[\w.]+:\w+", source):
            raise BadKind(f"{kind.key}: slot {name}: {source!r} is neither a class nor resource:field")
    if set(kind.channels) - set(CHANNELS) or "inbox" not in kind.channels:
        raise BadKind(f"{kind.key}: channels {kind.channels}")
    if kind.off & kind.locked:
        raise BadKind(f"{kind.key}: {sorted(kind.off & kind.locked)} is off and locked")


def _class(kind: NoticeKind, name: str, data_class: int) -> None:
    if data_class not in (1, MAX_CLASS):
        raise BadKind(f"{kind.key}: slot {name} is of class {data_class}; notices carry class 1 and 2 only")
