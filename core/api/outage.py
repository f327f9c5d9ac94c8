"""What a request is told while the database or Redis does not answer: 503, a plain sentence, and when to try again.

Nothing was saved unless the answer said so: an answer of success goes out only after the commit.
"""

import logging
import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from core.api.signin import problem_response
from core.kernel.errors import Problem, Unavailable

log = logging.getLogger(__name__)

#: Seconds after which the reader's browser may try again.
RETRY_AFTER = "5"
READING = "数据库暂时没有应答，这一页现在看不到。恢复后会自动可用，请稍后再试。"
WRITING = (
    "数据库暂时没有应答，这次没有得到“已保存”的答复。请保留您填写的内容，稍后先看是否已经保存，再重新提交。"
)


def is_outage(error: BaseException | None) -> bool:
    """Whether this error means that a server behind us is gone, slow or full, and not that our code is wrong."""
    while error is not None:
        if isinstance(error, (OperationalError, InterfaceError)):
            return True
        if type(error).__module__.startswith("redis.") and type(error).__name__ in {
            "ConnectionError", "TimeoutError", "BusyLoadingError",
        }:  # fmt: skip
            return True
        error = error.__cause__
    return False


def answer(request: HttpRequest) -> HttpResponse:
    """503: the problem document below /api/ and for scripts, a page of its own for browsers."""
    problem = Unavailable(READING if request.method in {"GET", "HEAD"} else WRITING)
    if request.path.startswith(("/api/", "/_allauth/")):
        said: HttpResponse = problem_response(problem, request)
    else:
        said = HttpResponse(render_to_string("site/outage.html", {"text": problem.detail}), status=503)
    said.headers["Retry-After"] = RETRY_AFTER
    said.headers["Cache-Control"] = "no-store"
    return said


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler for errors that nobody caught, in views and middleware alike."""
    error = sys.exc_info()[1]
    if is_outage(error):
        log.error("a server does not answer: %s", error)
        return answer(request)
    number = getattr(request, "request_id", "")
    problem = Problem("internal", f"系统出错，已记录。请把编号 {number} 告诉管理员。", 500)
    if request.path.startswith(("/api/", "/_allauth/")):
        return problem_response(problem, request)
    text = render_to_string("site/outage.html", {"text": problem.detail, "broken": True})
    return HttpResponse(text, status=500)
