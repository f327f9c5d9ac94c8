"""Request id and the actor of requests whose library code writes by itself (sign-in, Wagtail's admin)."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

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
