"""Looking at sensitive data is an event, written before the answer; looking at secret data also wants a reason.

A reason is asked for class 4 always, for class 3 when one page shows more rows than the operator's setting
QINGLIAN_REASON_ROWS.
"""

from typing import Any

from django.conf import settings

from core.kernel.errors import FieldError, Invalid, Problem
from core.resources import ports
from core.resources.rights import Rights
from core.resources.spec import Row

SENSITIVE = 3
SECRET = 4
SHORTEST, LONGEST = 4, 200
PAGE, LIST = "详情", "列表"


def note(
    rights: Rights, principal: Any, subject_type: str, uid: str, shown: list[Row], reason: str = ""
) -> None:
    """Record the look, if these (masked) rows show anything of class 3 or 4.

    Raises Problem reason_needed (428) where a reason is missing, invalid for one that says nothing.
    """
    if not rights.sensitive(shown):
        return
    secret = rights.sensitive(shown, SECRET)
    words = checked(reason)
    if not words and (secret or len(shown) > settings.REASON_ROWS):
        raise reason_needed(rights.spec.label, secret=secret, rows=len(shown))
    what = LIST if uid == "*" else PAGE
    ports.read_event(principal, subject_type, uid, words, what=what, rows=len(shown))


def reason_needed(label: str, *, secret: bool, rows: int) -> Problem:
    """428: the same request again with the reason (header X-Read-Reason, percent-encoded) is answered."""
    question = (
        f"“{label}”含有机密内容。请说明查看的理由，会记入查看记录。"
        if secret
        else f"一次查看 {rows} 行敏感内容。请说明查看的理由，会记入查看记录。"
    )
    return Problem("reason_needed", question, 428, data={"question": question, "header": "X-Read-Reason"})


def checked(reason: str) -> str:
    """The reason without needless spaces, "" for none. Raises Problem invalid."""
    words = " ".join(reason.split())
    if not words:
        return ""
    if not SHORTEST <= len(words) <= LONGEST or not words.isprintable():
        message = f"查看的理由应为 {SHORTEST} 至 {LONGEST} 字"
        raise Invalid(f"{message}。", [FieldError("/X-Read-Reason", message, "请写明为哪件事查看")])
    return words
