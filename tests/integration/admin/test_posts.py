"""Rights in the admin follow from dated posts, at the next request."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from core.audit.models import Event
from core.kernel import clock
from core.kernel.context import acting
from core.org.models import Post
from tests.integration.admin.conftest import BY, A, B, Two

pytestmark = pytest.mark.django_db


def test_a_leavers_right_ends_with_the_next_request(two: Two) -> None:
    user, client = two.world.user("editor", B), two.clients[f"editor@{B}"]
    with transaction.atomic():
        assert client.get("/admin/").status_code == 200 and user.groups.count() == 1
        with acting(BY):
            Post.unscoped.filter(person=user.person).update(ends_on=clock.today() - timedelta(days=1))
        assert client.get("/admin/").status_code == 403 and user.groups.count() == 0
        transaction.set_rollback(True)


def test_a_group_given_by_hand_gives_nothing(two: Two) -> None:
    editor, other = two.world.user("editor", B), two.world.user("editor", A)
    with transaction.atomic():
        with acting(BY):
            editor.groups.add(*other.groups.all())
        two.clients[f"editor@{B}"].get("/admin/")
        assert not set(editor.groups.all()) & set(other.groups.all())
        transaction.set_rollback(True)


def test_nobody_may_publish_directly(two: Two) -> None:
    for slug in (A, B):
        page = two.content[slug].draft
        for role in ("editor", "reviewer"):
            rights = page.permissions_for_user(two.world.user(role, slug))
            assert not rights.can_publish() and not rights.can_unpublish()


def test_the_editor_alone_has_the_relaxed_policy(two: Two) -> None:
    client, own = two.clients[f"editor@{A}"], two.content[A]
    edit = client.get(f"/admin/pages/{own.draft.pk}/edit/")["Content-Security-Policy"]
    assert "style-src 'self' 'unsafe-inline'" in edit and "script-src 'self';" in edit + ";"
    for path in ("/admin/", f"/admin/pages/{own.column.pk}/", "/admin/images/", "/admin/documents/"):
        answer = client.get(path)
        assert "unsafe" not in answer["Content-Security-Policy"] and answer["X-Frame-Options"] == "DENY"
        assert b"<script>" not in answer.content


def test_a_reviewer_takes_a_page_down_with_a_reason(two: Two) -> None:
    live = two.content[A].live
    address = f"/admin/pages/{live.pk}/take-down/"
    with transaction.atomic():
        for who in (f"editor@{A}", f"editor@{B}", f"reviewer@{B}"):
            assert _post(two, who, address, "有误").status_code == 404
        reviewer = two.clients[f"reviewer@{A}"]
        assert address in reviewer.get(f"/admin/pages/{two.content[A].column.pk}/").content.decode()
        refused = _post(two, f"reviewer@{A}", address, "  ")
        assert "请填写下线原因" in refused.content.decode()
        live.refresh_from_db()
        assert live.live
        assert _post(two, f"reviewer@{A}", address, "数字有误，待更正").status_code == 302
        live.refresh_from_db()
        assert not live.live
        event = Event.objects.get(kind="cms.taken_down")
        assert event.data == {"reason": "数字有误，待更正"} and event.subject_uid == str(live.uid)
        transaction.set_rollback(True)


def _post(two: Two, who: str, path: str, reason: str) -> Any:
    client = two.clients[who]
    return client.post(path, {"reason": reason}, headers={"X-CSRFToken": client.cookies["csrftoken"].value})
