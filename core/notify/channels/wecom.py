"""WeCom (企业微信): messages of an application to its members.

From the vendor's documents (developer.work.weixin.qq.com, documents 90236 message/send, 91039 gettoken, 90454 frequency, 90455
error codes; see docs/operations/notices.md): at most 1,000 userids a request, joined by `|`; unknown ones come back in
`invaliduser` (lower case) and the rest is sent; when all are unknown errcode is 81013. With `enable_duplicate_check`
the same request within `duplicate_check_interval` (at most 4 hours) is delivered once. The token is to be kept until it
expires, may be withdrawn before (40014, 42001), and is fetched again then.
"""

import json
import logging
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.core.cache import cache

from core.notify.channels import SENT, Message, Outcome
from core.vault.cells import CellError, open_cell, seal
from core.vault.keys import KeyUnavailable

log = logging.getLogger(__name__)

MOST = 1000
TIMEOUT = 10  # seconds
DUPLICATE_SECONDS = 4 * 3600
#: Kept this much shorter than the vendor says, seconds.
MARGIN = 300
TITLE_BYTES, TEXT_BYTES, PLAIN_BYTES = 128, 512, 2048
STALE_TOKEN = {40014, 42001, 41001}
WAIT = 60
#: A frequency limit holds for up to an hour; the whole hospital's queue waits.
LIMIT_WAIT = 600

BUSY = {
    -1: "企业微信系统繁忙，稍后会再试。",
    45009: "企业微信接口调用过于频繁，稍后会再试。",
    45033: "企业微信接口并发过多，稍后会再试。",
}
WRONG = {
    40001: "企业微信应用密钥不对，请系统管理员核对。",
    40013: "企业微信企业ID不对，请系统管理员核对。",
    40056: "企业微信应用编号不对，请系统管理员核对。",
    301002: "企业微信应用编号与密钥不属于同一个应用，请系统管理员核对。",
    60020: "服务器地址不在企业微信的可信IP里，请系统管理员在企业微信管理后台添加。",
    48002: "企业微信应用没有发送消息的权限，请系统管理员在企业微信管理后台开通。",
    81013: "企业微信里没有这位职工，或应用的可见范围不包括这位职工。",
    82001: "企业微信里没有这位职工，或应用的可见范围不包括这位职工。",
}
NOT_THERE = Outcome(False, "wecom_invaliduser", WRONG[81013])
UNLICENSED = Outcome(
    False, "wecom_unlicenseduser", "这位职工没有企业微信接口许可，请系统管理员在企业微信管理后台分配。"
)


@dataclass(frozen=True)
class Account:
    """A hospital's application."""

    corp: str
    agent: int
    secret: str = field(repr=False)


def send(account: Account, message: Message, users: list[str]) -> dict[str, Outcome]:
    """One request to at most 1,000 userids; the outcome of each. The body follows from the arguments alone."""
    if not 0 < len(users) <= MOST:
        raise ValueError(f"{len(users)} userids; 1 to {MOST} go into a request")
    body = json.dumps(_body(account, message, users), ensure_ascii=False).encode()
    answer: Any = {}
    for fresh in (False, True):
        token, failed = _token(account, fresh)
        if failed is not None:
            return dict.fromkeys(users, failed)
        answer = _ask("/cgi-bin/message/send?" + urllib.parse.urlencode({"access_token": token}), body)
        if isinstance(answer, Outcome):
            return dict.fromkeys(users, answer)
        code = _code(answer)
        if code not in STALE_TOKEN:
            break
    if code != 0:
        return dict.fromkeys(users, _failure(code))
    invalid, unlicensed = _names(answer, "invaliduser"), _names(answer, "unlicenseduser")
    return {
        user: NOT_THERE if user.lower() in invalid else UNLICENSED if user.lower() in unlicensed else SENT
        for user in users
    }


def is_limit(outcome: Outcome) -> bool:
    """Whether the whole channel should pause."""
    return outcome.again >= LIMIT_WAIT


def _body(account: Account, message: Message, users: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"touser": "|".join(users), "agentid": account.agent}
    if message.url:
        card = {
            "title": _cut(message.title, TITLE_BYTES),
            "description": _cut(message.text, TEXT_BYTES),
            "url": message.url,
            "btntxt": "查看",
        }
        found |= {"msgtype": "textcard", "textcard": card}
    else:
        found |= {
            "msgtype": "text",
            "text": {"content": _cut(f"{message.title}\n{message.text}", PLAIN_BYTES)},
        }
    return found | {"enable_duplicate_check": 1, "duplicate_check_interval": DUPLICATE_SECONDS}


def _token(account: Account, fresh: bool) -> tuple[str, Outcome | None]:
    """The kept token, or a new one; or why there is none. Kept sealed: the cache may be a shared server."""
    name = f"notify:wecom:{account.corp}:{account.agent}"
    place = {"table": "wecom", "column": "token", "row": f"{account.corp}:{account.agent}"}
    kept = None if fresh else cache.get(name)
    if kept:
        try:
            return open_cell(kept, **place), None
        except (CellError, KeyUnavailable):
            log.warning("the kept WeCom token does not open and is fetched again")
    query = urllib.parse.urlencode({"corpid": account.corp, "corpsecret": account.secret})
    answer = _ask(f"/cgi-bin/gettoken?{query}", None)
    if isinstance(answer, Outcome):
        return "", answer
    code = _code(answer)
    token = answer.get("access_token")
    if code != 0 or not isinstance(token, str) or not token:
        return "", _failure(code)
    lasts = answer.get("expires_in")
    seconds = lasts - MARGIN if isinstance(lasts, int) and lasts > MARGIN else 1
    cache.set(name, seal(token, **place), seconds)
    return token, None


def _ask(path: str, body: bytes | None) -> dict[str, Any] | Outcome:
    """The JSON answer; an Outcome when there is none. Neither secret nor token is ever logged."""
    request = urllib.request.Request(
        settings.WECOM_URL.rstrip("/") + path, data=body, headers={"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            found = json.loads(answer.read(1_000_000))
    except urllib.error.HTTPError as error:
        error.close()
        return Outcome(False, f"wecom_http_{error.code}", "企业微信没有应答，稍后会再试。", WAIT)
    except (OSError, ValueError):
        return Outcome(False, "wecom_unreachable", "企业微信连接不上，稍后会再试。", WAIT)
    if not isinstance(found, dict):
        return Outcome(False, "wecom_answer", "企业微信的应答看不懂，稍后会再试。", WAIT)
    return found


def _code(answer: dict[str, Any]) -> int:
    code = answer.get("errcode", 0)
    return code if isinstance(code, int) else -1


def _failure(code: int) -> Outcome:
    name = f"wecom_{code}"
    if code in BUSY or code in STALE_TOKEN:
        reason = BUSY.get(code, "企业微信的凭证失效，稍后会再试。")
        return Outcome(False, name, reason, LIMIT_WAIT if code == 45009 else WAIT)
    return Outcome(False, name, WRONG.get(code, f"企业微信没有收下，返回错误码 {code}。"))


def _names(answer: dict[str, Any], key: str) -> set[str]:
    given = answer.get(key) or ""
    return {name.lower() for name in str(given).split("|") if name}


def _cut(text: str, size: int) -> str:
    """At most `size` bytes of UTF-8, whole characters."""
    data = text.encode()
    return text if len(data) <= size else data[: size - 3].decode(errors="ignore") + "…"
