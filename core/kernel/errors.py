"""Errors a person reads: RFC 9457 problems with a stable code and what to do about each field."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class FieldError:
    """One place that is wrong: JSON pointer or row and cell, what is wrong, what to do (both Chinese)."""

    pointer: str = ""
    message: str = ""
    cure: str = ""
    row: int | None = None
    cell: str | None = None
    sheet: str | None = None
    file: str | None = None


#: Stable code → Chinese title. The documentation lists this catalogue.
CATALOGUE: dict[str, str] = {
    "not_found": "没有找到，或您无权查看",
    "sign_in_required": "请先登录",
    "conflict": "内容已被他人修改",
    "invalid": "填写有误",
    "refused": "现在不能这样做",
    "forbidden": "您没有办理此事的权限",
    "mfa_required": "须先设置两步登录",
    "view_only": "正在以他人身份查看",
    "password_change_required": "须先更改密码",
    "gone": "文件已不能下载",
    "reason_needed": "请先说明查看的理由",
    "unavailable": "暂时无法处理",
    "too_large": "内容过大",
    "too_many_requests": "操作过于频繁",
    "bad_file": "文件无法读取",
    "cancelled": "已取消",
    "disk_full": "磁盘空间不足",
    "internal": "系统出错",
}


@dataclass
class Problem(Exception):
    """An expected error. `detail` is a Chinese sentence; `data` goes to the client as it is."""

    code: str
    detail: str
    status: int = 400
    errors: list[FieldError] = field(default_factory=list)
    data: dict[str, Any] | None = None

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"

    @property
    def title(self) -> str:
        """The Chinese title of the code."""
        return CATALOGUE.get(self.code, self.code)

    def body(self, request_id: str = "") -> dict[str, Any]:
        """The problem document (`application/problem+json`)."""
        found: dict[str, Any] = {
            "type": f"urn:qinglian:problem:{self.code}",
            "code": self.code,
            "title": self.title,
            "detail": self.detail,
            "status": self.status,
            "errors": [{k: v for k, v in asdict(e).items() if v not in (None, "")} for e in self.errors],
        }
        if self.data is not None:
            found["data"] = self.data
        if request_id:
            found["request_id"] = request_id
        return found


def NotFound(detail: str = "没有找到这项内容，或者您无权查看。") -> Problem:
    """404, also for everything that exists but may not be seen."""
    return Problem("not_found", detail, 404)


def Conflict(
    *, current: dict[str, Any], yours: dict[str, Any], fields: list[dict[str, Any]] | None = None
) -> Problem:
    """409: the version moved on; carries both values so that the person can choose."""
    return Problem(
        "conflict",
        "您打开之后，这项内容已被他人修改。请对照两个版本后再保存。",
        409,
        data={"current": current, "yours": yours, "fields": fields or []},
    )


def Invalid(detail: str, errors: list[FieldError] | None = None) -> Problem:
    """422: what was sent does not fit; `errors` name the places."""
    return Problem("invalid", detail, 422, errors or [])


def Refused(detail: str) -> Problem:
    """409: allowed in principle, not in this state."""
    return Problem("refused", detail, 409)


def Forbidden(detail: str = "您没有办理此事的权限。如需办理，请联系医院管理员。") -> Problem:
    """403: the thing may be seen but this may not be done with it."""
    return Problem("forbidden", detail, 403)


def Unavailable(detail: str) -> Problem:
    """503: a part is missing for now."""
    return Problem("unavailable", detail, 503)
