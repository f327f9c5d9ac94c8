"""Sign-in: allauth's rules for this product, the lock-out's name and answer, and the gate before Wagtail's admin."""

import unicodedata
from typing import Any
from urllib.parse import urlencode

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render

from core.kernel.errors import Problem


class AccountAdapter(DefaultAccountAdapter):
    """Accounts are made by the hospital administrator; nobody signs up."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Closed."""
        return False

    def clean_username(self, username: str, shallow: bool = False) -> str:
        """Names are kept in lower case."""
        return str(super().clean_username(fold_name(username), shallow))

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
    return fold_name(given)


def locked_answer(
    request: HttpRequest, credentials: dict[str, Any] | None = None, *args: Any, **kwargs: Any
) -> HttpResponse:
    """What a locked account is told."""
    problem = Problem(
        "too_many_requests",
        "密码连续输错 5 次，此账号在这台设备上暂停登录 15 分钟。请稍后再试，或联系医院管理员。",
        429,
    )
    return problem_response(problem, request)


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
