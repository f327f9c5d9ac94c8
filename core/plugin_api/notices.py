"""Notices for plugins: declare kinds, tell people, close what is finished, follow a flow's steps."""

from core.flow.notices import FlowNotices, Told, follow
from core.notify.domain import Due, NoticeKind, holders, person_of, register_kind, resolve, send

__all__ = [
    "Due",
    "FlowNotices",
    "NoticeKind",
    "Told",
    "follow",
    "holders",
    "person_of",
    "register_kind",
    "resolve",
    "send",
]
