"""Request id and the actor of requests whose library code writes by itself (sign-in, Wagtail's admin)."""

from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.functional import SimpleLazyObject
from django_structlog.middlewares import RequestMiddleware

from core.accounts.domain import devices, duties
from core.api.signin import problem_response
from core.kernel.context import Actor, actor_scope, hospital_scope
from core.kernel.errors import NotFound, Problem
from core.kernel.ids import new_uid

Handler = Callable[[HttpRequest], HttpResponse]

#: Paths under which libraries write outside our commands.
LIBRARY_PATHS = ("/_allauth/", "/admin/", "/accounts/")


class RequestId:
    """Gives each request an id that error documents and logs carry."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.request_id = new_uid().hex  # type: ignore[attr-defined]
        response = self.get_response(request)
        response.headers.setdefault("X-Request-ID", request.request_id)  # type: ignore[attr-defined]
        return response


class RequestLog(RequestMiddleware):
    """A line of log for each request, without what stands after the question mark: filters and searches name persons."""

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        """Method and path."""
        return f"{request.method} {request.path}"

    @classmethod
    def bind_ip(cls, request: HttpRequest) -> None:
        """The address that the server saw (core.api.proxy), never what a header claims."""
        structlog.contextvars.bind_contextvars(ip=request.META.get("REMOTE_ADDR", ""))


class ApiProblems:
    """Turns what libraries answer below /api/ by themselves (HTML, plain text) into problem documents."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code < 400 or not request.path.startswith("/api/"):
            return response
        if response.headers.get("Content-Type", "").startswith("application/problem+json"):
            return response
        told = problem_response(_problem(response.status_code), request)
        if "Allow" in response.headers:
            told.headers["Allow"] = response.headers["Allow"]
        return told


class Devices:
    """Answers as signed out where the session's device was signed out from elsewhere, or idle for too long.

    The user is only looked up when something asks for it, as Django does.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        inner = request.user
        request.user = SimpleLazyObject(lambda: devices.checked(request, inner))  # type: ignore[assignment]
        return self.get_response(request)


class Duties:
    """Wagtail's admin is closed as the API is while a second factor or a new password is still to be set."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path.startswith("/admin/") and request.user.is_authenticated and duties.must(request.user):
            return HttpResponseRedirect("/")  # the web app shows what is to be set up
        return self.get_response(request)


class ActorScope:
    """Names the actor for sign-in and admin requests; everywhere else a write needs `acting()`."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with hospital_scope(None):  # a thread serves many hospitals: nothing stays from the last request
            if not request.path.startswith(LIBRARY_PATHS):
                return self.get_response(request)
            user = request.user
            actor = Actor.user(user) if user.is_authenticated else Actor.system("sign-in")
            with actor_scope(actor):
                return self.get_response(request)


def _problem(status: int) -> Problem:
    if status == 404:
        return NotFound()
    if status == 405:
        return Problem("invalid", "这个地址不接受这种请求方式。", 405)
    if status >= 500:
        return Problem("internal", "系统出错，已记录。请稍后再试，或联系管理员。", status)
    return Problem("invalid", "请求无法处理，请检查后再试。", status)
