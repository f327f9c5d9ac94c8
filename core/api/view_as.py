"""Looking with another person's eyes ("view as"): read-only, for a quarter of an hour, each look in the record.

Kept in the session of the security administrator. Nothing of class 3 or 4 is shown (core.policy.decide), every method
but GET is refused, and it ends by itself: with time, with sign-out, with the administrator's or the person's post.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from core.api.signin import problem_response
from core.audit import events
from core.kernel import clock
from core.kernel.context import Actor, HospitalRef, acting, actor_scope
from core.kernel.errors import FieldError, Invalid, NotFound, Problem, Refused
from core.org.models import Hospital, Person
from core.policy.decide import may
from core.policy.principal import Principal, principal_of
from core.policy.roles import PRIVILEGED_ROLES
from core.resources.specs_record import type_label

KEY = "view_as"
TYPE = "policy.right"
LASTS = timedelta(minutes=15)
VIEW_ONLY = Problem("view_only", "正在以他人身份查看，只能看，不能办理。请先退出查看。", 403)
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
#: Methods and ends of addresses that stay open: leaving the other's eyes, and signing out.
WAYS_OUT = (("DELETE", "/rights/view-as"), ("DELETE", "/auth/session"))

#: The first one or two parts of an address below /api/v1/h/<slug>/, and what they show.
PAGES = {
    "home": "首页",
    "menu": "菜单",
    "notices": "通知",
    "notices/count": "通知的件数",
    "notices/settings": "通知设置",
    "cms": "专栏与公示",
    "cms/renditions": "图片",
    "search": "检索",
    "files": "附件",
    "lake": "导入的数据",
    "jobs": "后台任务",
    "org": "组织信息",
    "plugins": "插件",
    "roster": "人员导入",
    "record": "记录概览",
    "rights": "权限",
    "exports": "导出的文件",
    "regulations": "规则核对",
}


def start(request: HttpRequest, hospital: Hospital, viewer: Principal, person: Person, reason: str) -> str:
    """Begin, until the instant answered (ISO). Raises Invalid, Refused and NotFound."""
    if len(reason.strip()) < 4:
        said = "请写明查看的事由，至少四个字。"
        raise Invalid(said, [FieldError("/reason", said, "例如：核对骨科主任看不到预警的原因")])
    if person.pk == viewer.person_id:
        raise Refused("不能以本人身份查看。")
    seen = principal_of(person, hospital)
    if seen is None:
        raise NotFound()
    if seen.roles & PRIVILEGED_ROLES:
        raise Refused("管理员和能看机密内容的人员，不能以其身份查看。")
    until = clock.now() + LASTS
    with acting(viewer.actor):
        facts = {"person": str(person.uid), "reason": reason.strip(), "until": until.isoformat()}
        events.record("view_as.started", "org.person", person.uid, facts, hospital=hospital)
    request.session[KEY] = {
        "person": person.pk,
        "uid": str(person.uid),
        "name": person.name,
        "hospital": hospital.slug,
        "hospital_id": hospital.pk,
        "until": until.isoformat(),
        "viewer": [viewer.user_uid, viewer.label],
    }
    return until.isoformat()


def end(request: HttpRequest, why: str) -> None:
    """Give the own eyes back; nothing when they are one's own."""
    state = request.session.pop(KEY, None)
    if state is None:
        return
    with acting(_viewer(state)):
        facts = {"person": state["uid"], "ended": why}
        hospital = HospitalRef(state["hospital_id"], state["hospital"])
        events.record("view_as.ended", "org.person", state["uid"], facts, hospital=hospital)


def current(request: HttpRequest) -> dict[str, Any] | None:
    """What is in force, or None; what is over ends here."""
    state = request.session.get(KEY)
    if state is None:
        return None
    if clock.now() >= datetime.fromisoformat(state["until"]):
        end(request, "time")
        return None
    return dict(state)


def told(request: HttpRequest) -> dict[str, Any] | None:
    """For the session's answer: {name, hospital, until}."""
    state = current(request)
    return {key: state[key] for key in ("name", "hospital", "until")} if state else None


def substitute(request: HttpRequest, principal: Principal) -> Principal:
    """The rights to go on with: one's own, or the other person's. Another hospital does not exist meanwhile."""
    state = current(request)
    if state is None or request.method not in SAFE:
        return principal
    if state["hospital_id"] != principal.hospital_id:
        raise NotFound()
    hospital = Hospital.objects.get(pk=principal.hospital_id)
    seen = principal_of(state["person"], hospital) if may(principal, "view_as", TYPE) else None
    if seen is None or seen.roles & PRIVILEGED_ROLES:
        end(request, "rights")
        return principal
    return replace(seen, viewer=_viewer(state))


class ViewAs:
    """Middleware: refuses what is not a look, and writes each look into the record before it is answered."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.SESSION_COOKIE_NAME not in request.COOKIES or (state := current(request)) is None:
            return self.get_response(request)
        if request.method not in SAFE:
            if not any(request.method == method and request.path.endswith(path) for method, path in WAYS_OUT):
                return problem_response(VIEW_ONLY, request)
            if request.path.startswith("/_allauth/"):
                end(request, "sign-out")
            return self.get_response(request)
        response = self.get_response(request)
        seen = getattr(request, "principal", None)
        if seen is not None and seen.viewer is not None and response.status_code < 400:
            with actor_scope(seen.viewer):
                said = f"以{state['name']}的身份看：{page_label(request.path)}"
                events.read_event(seen, "org.person", state["uid"], said)
        return response


def page_label(path: str) -> str:
    """What an address shows, in words that the audit administrator reads."""
    found = re.fullmatch(r"/api/v1/h/[^/]+/(.+?)/?", path)
    if found is None:
        return (
            "内容管理"
            if path.startswith("/admin/")
            else "本人的账号"
            if path.startswith("/api/v1/me")
            else "网站"
        )
    first, *rest = found[1].split("/")
    if first == "resources" and rest:
        kind = "详情" if len(rest) > 2 and rest[1] == "rows" else "列表"
        return f"{type_label(unquote(rest[0]))}（{kind}）"
    return PAGES.get("/".join([first, *rest[:1]])) or PAGES.get(first, "其他页面")


def _viewer(state: dict[str, Any]) -> Actor:
    uid, name = state["viewer"]
    return Actor("user", uid, name)
