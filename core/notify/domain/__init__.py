"""What others call: send a notice in their own transaction, close those of a finished thing."""

from core.notify.domain.people import holders, person_of
from core.notify.domain.send import resolve, send
from core.notify.kinds import Due, NoticeKind, register_kind

__all__ = ["Due", "NoticeKind", "holders", "person_of", "register_kind", "resolve", "send"]
