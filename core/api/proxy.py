"""Behind our own front: the client's address is the one the front names. Only in production settings."""

import ipaddress
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

Handler = Callable[[HttpRequest], HttpResponse]


class ClientAddress:
    """Takes the last address of X-Forwarded-For for REMOTE_ADDR when the request comes from this machine.

    The front (deploy/nginx) writes that header itself and passes on none of the client's, so that lock-outs, devices
    and logs see who asks; from any other machine the header is only what somebody claims, and is not read.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.META.get("HTTP_X_FORWARDED_FOR", "")
        if given and _is_here(request.META.get("REMOTE_ADDR", "")):
            last = given.rpartition(",")[2].strip()
            try:
                request.META["REMOTE_ADDR"] = str(ipaddress.ip_address(last))
            except ValueError:
                pass  # not an address: the front did not write it
        return self.get_response(request)


def _is_here(address: str) -> bool:
    try:
        return not address or ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
