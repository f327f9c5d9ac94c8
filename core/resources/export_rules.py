"""What may leave as a file: purposes, class rule, row limits, and how long a file waits to be fetched."""

from datetime import timedelta
from typing import Any

from core.kernel.errors import FieldError, Invalid, Refused
from core.policy.decide import max_class, rights_digest
from core.policy.types import all_types
from core.resources import registry
from core.resources.rights import Rights

#: The policy type under which exports are known, and the right of the second person.
TYPE = "exports.export"
APPROVE = "approve_export"
#: From this class on: a purpose in words, and a second person's consent.
SENSITIVE = 3
#: Secret data never leaves as a file.
SECRET = 4
#: Most rows of one file, by class (the writer's own limit is Excel's 1,048,576).
ROW_LIMIT = {1: 100_000, 2: 100_000, 3: 20_000}
#: A file waits this long for its one download, and a request this long for its approval.
FILE_KEPT = timedelta(hours=72)
WAITS = timedelta(days=14)
TEXT_LIMIT = 300
PURPOSES = (
    ("inspection", "监督检查"),
    ("rectify", "核实与整改"),
    ("meeting", "会议材料"),
    ("report", "向上级报送"),
    ("disclosure", "公开公示"),
    ("statistics", "统计分析"),
    ("handover", "工作交接"),
    ("other", "其他"),
)


def class_of(rights: Rights) -> int:
    """The highest class that a file of this list may show this person: of its columns, as far as policy shows them."""
    spec = rights.spec
    top = max((spec.class_of(f.key) for f in spec.fields if f.column), default=spec.data_class)
    shown = (max_class(rights.principal, action, spec.policy_type) for action in ("view", "export"))
    return max(1, min(top, *shown))


def reach(principal: Any, subject: str) -> str:
    """A digest of what policy shows the person of a subject now. A file made with one is not handed out with another."""
    found = registry.get(subject)
    type_key = found.spec.policy_type if found else subject
    return rights_digest(principal, ("view", "export"), type_key) if type_key in all_types() else ""


def said(rights: Rights) -> Any:
    """`export` of a spec: False, or {class, needs_purpose, needs_approval, row_limit, purposes}."""
    if not rights.spec.export or not rights.may("export"):
        return False
    found = class_of(rights)
    if found >= SECRET:
        return False
    return {
        "class": found,
        "needs_purpose": needs_purpose(found),
        "needs_approval": needs_approval(found),
        "row_limit": ROW_LIMIT[found],
        "purposes": [{"value": value, "label": label} for value, label in PURPOSES],
    }


def needs_purpose(data_class: int) -> bool:
    """Whether somebody must say what for."""
    return data_class >= SENSITIVE


def needs_approval(data_class: int) -> bool:
    """Whether a second person must agree."""
    return data_class >= SENSITIVE


def row_limit(data_class: int) -> int:
    """Most rows of a file of this class. Raises Problem refused for secret data."""
    if data_class >= SECRET:
        raise Refused("机密内容不能导出为文件，请在页面上查看。")
    return ROW_LIMIT[data_class]


def check_purpose(data_class: int, purpose: str, text: str) -> tuple[str, str]:
    """Purpose and words, checked. Raises Problem invalid with the place."""
    wrong, words = [], " ".join(text.split())
    if purpose and purpose not in dict(PURPOSES):
        wrong.append(FieldError("/purpose", "没有这种用途", "请从给出的用途中选择"))
    if needs_purpose(data_class):
        if not purpose:
            wrong.append(FieldError("/purpose", "必须选择用途", "请选择导出的用途"))
        if len(words) < 4:
            wrong.append(FieldError("/purpose_text", "请说明用途", "请写明用在哪件事上，至少 4 个字"))
    elif purpose == "other" and not words:
        wrong.append(FieldError("/purpose_text", "请说明用途", "选择“其他”时请写明用途"))
    if len(words) > TEXT_LIMIT or not words.isprintable():
        wrong.append(FieldError("/purpose_text", f"最多 {TEXT_LIMIT} 字，不能有不可见字符", "请缩短用途说明"))
    if wrong:
        raise Invalid("请先说明导出的用途。", wrong)
    return purpose, words


def purpose_words(purpose: str, text: str) -> str:
    """For cover and record."""
    return "：".join(part for part in (dict(PURPOSES).get(purpose, ""), text) if part) or "未填写"
