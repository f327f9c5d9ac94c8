"""Wagtail's admin as an editor of one hospital, with canaries in the other: nothing is seen, nothing is changed.

views.csv is written and reviewed by hand: every view name below /admin/, and who may use it (`people`: editors and
reviewers; `system`: the system administrator; `all`: no data in it). A name that the file does not know fails.
"""

import csv
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection, transaction

from core.cms.tenancy.views import OPEN
from tests.integration.access.running import routes
from tests.integration.admin.conftest import A, B, Content, Two

pytestmark = [pytest.mark.django_db, pytest.mark.once]

FILE = Path(__file__).with_name("views.csv")
#: What is asked for besides the plain address: lists that search, filter and page.
QUESTIONS = ("", "?q=QLC", "?p=1&ordering=title", "?multiple=1", "?page_type=cms.articlepage", "?tag=标签")
#: Views that answer 200 to a POST whatever number it carries, and change nothing.
ANY_NUMBER = {"wagtailadmin_editing_sessions:release", "wagtailadmin_pages:choose_parent"}


def reviewed() -> dict[str, str]:
    """View name → who."""
    with FILE.open(encoding="utf-8", newline="") as stream:
        return {row["view"]: row["who"] for row in csv.DictReader(stream)}


def there() -> dict[str, str]:
    """View name → pattern of everything named below /admin/; the gates before Wagtail's own sign-in have no name."""
    return {
        route.name: route.pattern for route in routes() if route.pattern.startswith("admin/") and route.name
    }


def places(content: Content) -> dict[str, str]:
    """Values for the places of a pattern, so that each names a thing of one hospital."""
    task = content.state.current_task_state
    page = str(content.waiting.pk)
    return {
        "parent_page_id": str(content.column.pk),
        "page_id": page,
        "page_pk": page,
        "page_to_move_id": str(content.draft.pk),
        "destination_id": str(content.root.pk),
        "revision_id": str(content.revision.pk),
        "workflow_state_id": str(content.state.pk),
        "task_state_id": str(task.pk),
        "task_id": str(task.task_id),
        "workflow_pk": str(content.state.workflow_id),
        "collection_id": str(content.root.collection_id),
        "image_id": str(content.image.pk),
        "document_id": str(content.document.pk),
        "doc_id": str(content.document.pk),
        "uploaded_file_id": "1",
        "object_id": page,
        "session_id": "1",
        "content_type_app_name": "cms",
        "content_type_model_name": "articlepage",
        "app_label": "cms",
        "app_name": "taggit",
        "model_name": "articlepage",
        "filter_spec": "max-165x165",
        "action": "delete",
        "action_name": "approve",
        "uidb64": "MQ",
        "token": "a-b",
    }


def address(name: str, pattern: str, content: Content) -> str:
    """The pattern with a hospital's own things in its places."""
    known = places(content)
    kinds = {
        "documents": content.document.pk,
        "images": content.image.pk,
        "pages": content.waiting.pk,
        "pictures": content.image.pk,
        "files": content.document.pk,
        "renditions": content.image.get_rendition("max-165x165").pk,
        "collections": content.root.collection_id,
        "users": content.waiting.owner_id,
    }
    if name == "wagtail_bulk_action":
        return f"/admin/bulk/wagtailcore/page/delete/?id={content.live.pk}&id={content.draft.pk}"
    if name == "wagtailadmin_tag_model_autocomplete":
        known["model_name"] = "tag"
    if name == "wagtailadmin_pages:revisions_compare":
        return f"/admin/pages/{content.waiting.pk}/revisions/compare/earliest...latest/"
    section = next((word for word in pattern.split("/") if word in kinds), "")
    known["pk"] = known["wildcard"] = str(kinds.get(section, 1))
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda found: known[found[1]], pattern.replace("^", ""))


def questions(name: str) -> tuple[str, ...]:
    """What a view is asked: everything where it lists, else once."""
    lists = ("index", "choose", "explore", "search", "api", "results", "usage", "home", "add", "bulk", "move")
    return (
        QUESTIONS if reviewed()[name] == "people" and any(word in name for word in lists) else QUESTIONS[:1]
    )


def with_question(path: str, question: str) -> str:
    """An address with a query, whether it has one already or not."""
    return path + (question.replace("?", "&") if "?" in path else question)


def ask(client: Any, path: str, method: str = "GET", data: dict[str, Any] | None = None) -> tuple[int, str]:
    """Status and text of one request; what it wrote is undone."""
    headers = {"X-CSRFToken": client.cookies["csrftoken"].value}
    client.raise_request_exception = False
    with transaction.atomic():
        if method == "GET":
            answer = client.get(path, follow=True)
        else:
            answer = client.post(path, data or {}, headers=headers)
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content
        transaction.set_rollback(True)
    return answer.status_code, body.decode("utf-8", "replace")


def test_every_view_is_reviewed_and_the_open_list_is_the_reviewed_one() -> None:
    known = reviewed()
    assert (sorted(there().keys() - known), sorted(known - there().keys())) == ([], [])
    people = {name for name, who in known.items() if who == "people"}
    assert (sorted(OPEN - people), sorted(people - OPEN)) == ([], [])


@pytest.mark.parametrize("role", ["editor", "reviewer"])
def test_no_view_shows_the_other_hospital(two: Two, role: str) -> None:
    """Each address with the other hospital's things in its places, then with one's own and every question."""
    client, found = two.clients[f"{role}@{B}"], []
    for name, pattern in there().items():
        if name == "wagtailadmin_logout":
            continue
        status, text = ask(client, address(name, pattern, two.content[A]))
        if status >= 500:
            found.append((name, "the other's", status, []))
        if hits := two.hits(text):
            found.append((name, "the other's", status, hits))
        own = address(name, pattern, two.content[B])
        for question in questions(name):
            status, text = ask(client, with_question(own, question))
            if status >= 500:
                found.append((name, question, status, []))
            if hits := two.hits(text):
                found.append((name, question, status, hits))
    assert found == [], "\n".join(map(str, found))


def test_the_canaries_are_seen_at_home(two: Two) -> None:
    """The walk can find what it looks for: every canary shows to the first hospital's own editor somewhere."""
    client, seen = two.clients[f"editor@{A}"], set()
    for name, pattern in there().items():
        if reviewed()[name] == "people" and name != "wagtailadmin_logout":
            own = address(name, pattern, two.content[A])
            for question in questions(name):
                seen |= set(two.hits(ask(client, with_question(own, question))[1]))
    seen |= set(two.hits(ask(client, "/admin/tag-autocomplete/?term=标签")[1]))
    assert sorted(set(two.canaries) - seen) == []


def test_tags_of_the_other_hospital_are_not_offered(two: Two) -> None:
    mine = ask(two.clients[f"editor@{B}"], "/admin/tag-autocomplete/?term=标签")[1]
    assert B in mine and two.hits(mine) == []


def test_views_that_are_not_open_are_shut(two: Two) -> None:
    wrong = []
    for name, pattern in there().items():
        if reviewed()[name] == "system":
            for role in ("editor", "reviewer"):
                for method in ("GET", "POST"):
                    status, _ = ask(
                        two.clients[f"{role}@{B}"], address(name, pattern, two.content[B]), method
                    )
                    if status != 403:
                        wrong.append((name, role, method, status))
    assert wrong == []


def test_the_system_administrator_is_shut_out_of_nothing(two: Two) -> None:
    status, text = ask(two.clients["system"], f"/admin/pages/{two.content[A].column.pk}/")
    assert status == 200 and two.hits(text)


def fingerprint() -> dict[str, Any]:
    """All rows of what the admin can write, except who looked when."""
    tables = [
        one
        for one in connection.introspection.table_names()
        if one.startswith(("wagtail", "cms_", "taggit", "auth_group")) and "fts" not in one
    ]
    quiet = {"wagtailadmin_editingsession", "wagtailusers_userprofile", "cms_cmsrendition", "cms_previewtext"}
    kept = {}
    with connection.cursor() as cursor:
        for table in sorted(set(tables) - quiet):
            cursor.execute(f'SELECT * FROM "{table}"')
            kept[table] = sorted(map(repr, cursor.fetchall()))
    return kept


def send(client: Any, path: str, data: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Status of a POST, and what it changed (undone afterwards)."""
    before = fingerprint()
    with transaction.atomic():
        client.raise_request_exception = False
        status = client.post(
            path, data, headers={"X-CSRFToken": client.cookies["csrftoken"].value}
        ).status_code
        after = fingerprint()
        transaction.set_rollback(True)
    return status, {table: rows for table, rows in after.items() if rows != before.get(table)}


def test_no_post_by_number_changes_the_other_hospital(two: Two) -> None:
    theirs, mine, wrong = two.content[A], two.content[B], []
    data = {
        "title": "改了", "slug": "changed", "action-publish": "1", "action-submit": "1", "action-unpublish": "1",
        "new_parent_page": str(mine.column.pk), "new_title": "抄来", "new_slug": "copied", "publish_copies": "on",
        "id": [str(theirs.live.pk), str(theirs.draft.pk)], "chooser": str(mine.column.pk), "position": "0",
        "restriction_type": "none", "comment": "通过", "uploaded_file": "1", "next": "/admin/",
    }  # fmt: skip
    views = [name for name, who in reviewed().items() if who == "people" and "<" in there()[name]]
    for name in [*views, "wagtail_bulk_action"]:
        if name == "wagtailadmin_logout":
            continue
        path = address(name, there()[name], theirs)
        for role in ("editor", "reviewer"):
            status, changed = send(two.clients[f"{role}@{B}"], path, data)
            if changed:
                wrong.append((name, role, status, list(changed)))
            elif status not in (302, 403, 404, 405) and name not in ANY_NUMBER:
                wrong.append((name, role, status, "not refused"))
    assert wrong == [], "\n".join(map(str, wrong))


@pytest.mark.parametrize("action", ["delete", "move", "publish", "unpublish"])
def test_no_bulk_action_reaches_over(two: Two, action: str) -> None:
    theirs, mine = two.content[A], two.content[B]
    path = f"/admin/bulk/wagtailcore/page/{action}/?id={theirs.live.pk}&id={theirs.draft.pk}"
    data = {"chooser": str(mine.column.pk), "move_applicable": "on", "include_descendants": "on"}
    _, changed = send(two.clients[f"editor@{B}"], path, data)
    assert changed == {}


@pytest.mark.parametrize("kind", ["image", "document"])
def test_no_bulk_action_reaches_over_to_media(two: Two, kind: str) -> None:
    theirs = getattr(two.content[A], kind)
    for action, data in (
        ("delete", {}),
        ("add_tags", {"tags": "甲"}),
        ("add_to_collection", {"collection": 1}),
    ):
        model = f"cms/cms{kind}"
        status, changed = send(
            two.clients[f"editor@{B}"], f"/admin/bulk/{model}/{action}/?id={theirs.pk}", data
        )
        assert changed == {} and status in (200, 302, 403, 404)


def test_nothing_of_ones_own_moves_or_is_copied_into_the_other_hospital(two: Two) -> None:
    theirs, mine, client = two.content[A], two.content[B], two.clients[f"editor@{B}"]
    tries = {
        f"/admin/pages/{mine.draft.pk}/move/{theirs.column.pk}/confirm/": {},
        f"/admin/pages/{mine.draft.pk}/move/": {"new_parent_page": theirs.column.pk},
        f"/admin/pages/{mine.draft.pk}/copy/": {
            "new_title": "抄", "new_slug": "copy", "new_parent_page": theirs.column.pk, "copy_subpages": "on",
        },
        f"/admin/pages/add/cms/articlepage/{theirs.column.pk}/": {"title": "新", "slug": "new"},
        f"/admin/bulk/wagtailcore/page/move/?id={mine.draft.pk}": {"chooser": theirs.column.pk},
    }  # fmt: skip
    changed = {path: found for path, data in tries.items() if (found := send(client, path, data)[1])}
    assert changed == {}


def test_the_other_hospitals_picture_and_file_cannot_be_chosen(two: Two) -> None:
    """By its number, in a field and in a block: as if there were no such picture."""
    theirs, mine, client = two.content[A], two.content[B], two.clients[f"editor@{B}"]
    path = f"/admin/pages/{mine.draft.pk}/edit/"
    form = {
        "title": "草稿", "slug": "draft", "audience": "internal", "cover": str(theirs.image.pk),
        "body-count": "1", "body-0-deleted": "", "body-0-order": "0", "body-0-type": "picture",
        "body-0-id": "", "body-0-value-image": str(theirs.image.pk), "body-0-value-alt": "图",
        "body-0-value-caption": "", "comments-TOTAL_FORMS": "0", "comments-INITIAL_FORMS": "0",
    }  # fmt: skip
    status, changed = send(client, path, form)
    assert status == 200  # the form again, with its errors
    assert set(changed) <= {"wagtailcore_pagesubscription"}  # who writes is told of comments
    text = client.post(
        path, form, headers={"X-CSRFToken": client.cookies["csrftoken"].value}
    ).content.decode()
    assert two.hits(text) == []


def test_media_of_the_other_hospital_cannot_be_opened(two: Two) -> None:
    theirs = two.content[A]
    cache.clear()  # Wagtail keeps renditions there, also those of requests that were undone
    small = theirs.image.get_rendition("max-165x165")
    for path in (small.url, f"/admin/media/pictures/{theirs.image.pk}/", theirs.document.url):
        assert ask(two.clients[f"editor@{B}"], path)[0] == 404
        assert ask(two.clients[f"editor@{A}"], path)[0] == 200, path
