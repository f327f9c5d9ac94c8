"""Says in response headers what a request cost: statements sent to the database (transaction control left out), CPU time."""

import time
from typing import Any

from django.db import connection
from django.http import HttpRequest, HttpResponse

HEADER, CPU = (
    "X-Queries",
    "X-CPU",
)  # CPU: milliseconds of the thread, so the other work of a busy machine is not in it


class CountQueries:
    """Outermost middleware: session, policy, rows, count and the read event are all inside."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        seen, begun = 0, time.thread_time()

        def count(execute: Any, *arguments: Any) -> Any:
            nonlocal seen
            seen += 1
            return execute(*arguments)

        with connection.execute_wrapper(count):
            response = self.get_response(request)
        response[HEADER], response[CPU] = str(seen), f"{(time.thread_time() - begun) * 1000:.1f}"
        return response
