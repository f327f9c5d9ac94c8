"""How a view below /admin/ answers a person: one word for the whole chain of redirects."""

import re
from copy import deepcopy
from typing import Any

from django.db import transaction
from django.test import Client
from wagtail.models import Site

from core.org.models import User

#: Values that stand in the places of a pattern.
FILL = {
    "app_label": "wagtailcore",
    "app_name": "wagtailcore",
    "content_type_app_name": "wagtailcore",
    "content_type_model_name": "page",
    "model_name": "page",
    "action": "delete",
    "action_name": "approve",
    "filter_spec": "width-100",
    "object_id": "1",
    "uidb64": "MQ",
    "token": "a-b",
}
#: Pictures and files: whether there is one of number 1 depends on what a test made before. All rows ask for none.
MEDIA = re.compile(r"/admin/(api/main/\^)?(images|documents|media)/")
ABSENT = "999999"
#: Patterns that are regular expressions, and an address that each takes.
WRITTEN = {
    "/^admin/password_reset/.*$": "/admin/password_reset/confirm/MQ/a-b/",
    "/^api/(?P<rest>.*)$": "/api/v2/anything",
    "/^(?!api/|admin/|static/|_allauth/|_util/|health).*$": "/h/binjiang/",
    "/admin/^.*/$": "/admin/no-such-page/",
    "/admin/pages/^(?P<pk>\\d+)/revisions/compare/(?P<revision_id_a>live|earliest|\\d+)"
    "\\.\\.\\.(?P<revision_id_b>live|latest|\\d+)/$": "/admin/pages/1/revisions/compare/live...live/",
}


def address(pattern: str) -> str:
    """A path that the pattern takes."""
    if pattern in WRITTEN:
        return WRITTEN[pattern]
    place = re.compile(r"<(?:\w+:)?(\w+)>")
    # accounts and sites of the test do not begin at 1 on PostgreSQL, whose sequences outlive a rolled-back test
    one = "1"
    if pattern.startswith(("/admin/users/", "/admin/sites/")):
        model = User if pattern.startswith("/admin/users/") else Site
        one = str(model.objects.order_by("pk").values_list("pk", flat=True)[0])
    elif MEDIA.match(pattern):
        one = ABSENT
    return place.sub(lambda found: FILL.get(found[1], one), pattern.replace("^", ""))


def has_places(pattern: str) -> bool:
    """Whether the pattern needs values."""
    return "<" in pattern or pattern in WRITTEN


def answer(client: Client, pattern: str, method: str = "GET") -> tuple[str, Any]:
    """`sign-in` when the person is sent to the one sign-in page through the gate, else the last status."""
    kept = deepcopy(client.cookies)  # signing out on the way must not outlive this request
    ask = client.get if method == "GET" else client.post
    with transaction.atomic():
        last = ask(address(pattern), headers={"X-CSRFToken": client.cookies["csrftoken"].value}, follow=True)
        transaction.set_rollback(True)
    client.cookies = kept
    steps = [url for url, _ in last.redirect_chain]
    if steps and steps[-1].startswith("/sign-in?next="):
        return "sign-in", last
    return str(last.status_code), last
