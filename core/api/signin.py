"""Sign-in: allauth's rules for this product, the lock-out's name and answer, and the gate before Wagtail's admin."""

import time
import unicodedata
from typing import Any
from urllib.parse import urlencode

from allauth.account import app_settings as account_settings
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.utils.crypto import constant_time_compare

from core.accounts.domain.lockout import counted_name
from core.kernel.errors import Problem

#: Session key: the hash of the password that the first step was taken with (as Django's own of a session).
FIRST_STEP = "first_step"
SIGN_IN_ANEW = Problem("sign_in_required", "密码已更改，请重新登录。", 401)


class AccountAdapter(DefaultAccountAdapter):
    """Accounts are made by the hospital administrator; nobody signs up."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Closed."""
        return False

    def clean_username(self, username: str, shallow: bool = False) -> str:
        """Names are kept in lower case."""
        return str(super().clean_username(fold_name(username), shallow))

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Not within five minutes of signing in with the password: setting up a factor comes right after it."""
        records = get_authentication_records(context.request, context.request.user)
        since = time.time() - account_settings.REAUTHENTICATION_TIMEOUT
        if any(one.get("method") == "password" and one.get("at", 0) > since for one in records):
            return False
        return bool(super().is_reauthentication_required(app=app, **kwargs))

    def pre_login(self, request: HttpRequest, user: Any, **kwargs: Any) -> HttpResponse | None:
        """The first step is done: by which password is kept for the second."""
        request.session[FIRST_STEP] = user.get_session_auth_hash()
        return super().pre_login(request, user, **kwargs)

    def login(self, request: HttpRequest, user: Any) -> None:
        """Sign in. A first step taken with a password that was changed in between is worth nothing."""
        known = request.session.pop(FIRST_STEP, None)
        if known is not None and not constant_time_compare(known, user.get_session_auth_hash()):
            raise ImmediateHttpResponse(problem_response(SIGN_IN_ANEW, request))
        super().login(request, user)

    def authenticate(self, request: HttpRequest, **credentials: Any) -> Any:
        """Names in any letter case or width sign in to the same account."""
        if credentials.get("username"):
            credentials["username"] = fold_name(credentials["username"])
        return super().authenticate(request, **credentials)


def fold_name(name: str) -> str:
    """An account name as it is compared: NFKC, without outer blanks, lower case."""
    return unicodedata.normalize("NFKC", name).strip().casefold()


def lockout_name(request: HttpRequest, credentials: dict[str, Any] | None = None) -> str:
    """The folded name that the lock-out counts, so that another letter case is no way round it."""
    given = (credentials or {}).get("username") or ""
    return counted_name(fold_name(given), credentials)


def locked_answer(
    request: HttpRequest, response: HttpResponse | None, credentials: dict[str, Any] | None = None
) -> HttpResponse:
    """What a locked account is told, in place of the view's own `response`."""
    said = "密码连续输错 5 次，此账号在这台设备上暂停登录 15 分钟。请稍后再试，或联系医院管理员。"
    if (credentials or {}).get("factor"):
        said = "验证码连续输错 5 次，此账号暂停验证 15 分钟。请稍后再试，或联系安全管理员解锁。"
    elif request.path.endswith("/session/one-time"):
        said = "登录码连续输错 5 次，暂停尝试 15 分钟。请稍后再试，或请管理员重新发放。"
    return problem_response(Problem("too_many_requests", said, 429), request)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A request without the page's token."""
    return problem_response(Problem("forbidden", "页面已过期，请刷新后再试。", 403), request)


def problem_response(problem: Problem, request: HttpRequest) -> JsonResponse:
    """A problem as `application/problem+json`."""
    body = problem.body(getattr(request, "request_id", ""))
    return JsonResponse(
        body,
        status=problem.status,
        content_type="application/problem+json",
        json_dumps_params={"ensure_ascii": False},
    )


def admin_gate(request: HttpRequest) -> HttpResponse:
    """Before Wagtail's admin: signed in without the right → 403; not signed in → the one sign-in page."""
    if request.user.is_authenticated:
        return render(request, "site/forbidden.html", status=403)
    return HttpResponseRedirect("/sign-in?" + urlencode({"next": request.GET.get("next", "/admin/")}))
