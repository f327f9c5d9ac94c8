"""Request id and the actor of requests whose library code writes by itself (sign-in, Wagtail's admin)."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from core.kernel.context import Actor, actor_scope, hospital_scope
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
