"""Says in a response header how many statements a request sent to the database, transaction control left out."""

from typing import Any

from django.db import connection
from django.http import HttpRequest, HttpResponse

HEADER = "X-Queries"


class CountQueries:
    """Outermost middleware: session, policy, rows, count and the read event are all inside."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        seen = 0

        def count(execute: Any, *arguments: Any) -> Any:
            nonlocal seen
            seen += 1
            return execute(*arguments)

        with connection.execute_wrapper(count):
            response = self.get_response(request)
        response[HEADER] = str(seen)
        return response
