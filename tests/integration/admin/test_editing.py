"""In the page editor: two people on one page lose nothing, and a phone opens what is on the screen."""

from typing import Any

import pytest
from bs4 import BeautifulSoup
from django.test import Client
from wagtail.models import Page
from wagtail.test.utils.form_data import nested_form_data, rich_text, streamfield

from core.testing import factories
from tests.integration.access.things import signed_in
from tests.integration.admin.conftest import A, Two

pytestmark = pytest.mark.django_db


@pytest.fixture
def second(two: Two) -> Client:
    """Another editor of the same hospital."""
    user = factories.user(factories.person("示例编辑乙"))
    factories.post(two.world.hospital(A), "editor", user.person)
    client = signed_in(user)
    client.get("/admin/")
    return client


def opened(client: Client, page: Page) -> dict[str, Any]:
    """What the edit form would send without a change: its inputs, and the body, which scripts build."""
    answer = client.get(f"/admin/pages/{page.pk}/edit/")
    assert answer.status_code == 200
    form = BeautifulSoup(answer.content, "html.parser").find("form", id="w-editor-form") or BeautifulSoup(
        answer.content, "html.parser"
    ).find("form", attrs={"data-edit-form": True})
    assert form is not None
    sent = {}
    for field in form.find_all(["input", "textarea", "select"]):
        name = field.get("name")
        if not name or (field.get("type") in {"checkbox", "radio"} and not field.has_attr("checked")):
            continue
        if field.name == "select":
            chosen = field.find("option", selected=True)
            sent[name] = chosen.get("value", "") if chosen else ""
        else:
            sent[name] = field.text if field.name == "textarea" else field.get("value", "")
    body = streamfield([("text", rich_text("<p>正文一段。</p>", features=["bold"]))])
    return {key: value for key, value in sent.items() if not key.startswith("body")} | nested_form_data(
        {"body": body}
    )


def autosave(client: Client, page: Page, form: dict[str, Any], **changed: str) -> Any:
    """What the editor's page sends a moment after each change."""
    address = f"/admin/pages/{page.pk}/edit/"
    return client.post(address, form | changed, headers=csrf(client) | {"accept": "application/json"})


def ping(client: Client, page: Page, known: dict[str, str]) -> Any:
    """What the editor's page sends every few seconds."""
    meta = type(page)._meta
    address = f"/admin/editing-sessions/ping/{meta.app_label}/{meta.model_name}/{page.pk}/999/"
    return client.post(address, known, headers=csrf(client))


def csrf(client: Client) -> dict[str, str]:
    """The header that every change must carry."""
    return {"X-CSRFToken": client.cookies["csrftoken"].value}


def test_the_second_does_not_save_over_the_first(two: Two, second: Client) -> None:
    first, page = two.clients[f"editor@{A}"], two.content[A].draft
    ours, theirs = opened(first, page), opened(second, page)

    saved = autosave(first, page, ours, title="甲写的标题")
    assert saved.status_code == 200 and saved.json()["success"], saved.content
    refused = autosave(second, page, theirs, title="乙写的标题")
    assert refused.status_code == 400
    assert refused.json()["error_code"] == "invalid_revision"
    assert refused.json()["error_message"] == "保存会覆盖更新的版本。"
    assert page.revisions.latest("id").content["title"] == "甲写的标题"

    again = opened(second, page)  # opened anew: the first one's words are there
    assert again["title"] == "甲写的标题"
    assert autosave(second, page, again, title="甲写的标题，乙补充").json()["success"]
    titles = [one.content["title"] for one in page.revisions.order_by("id")]
    assert titles[-2:] == ["甲写的标题", "甲写的标题，乙补充"]


def test_each_is_told_of_the_other(two: Two, second: Client) -> None:
    first, page = two.clients[f"editor@{A}"], two.content[A].draft
    revision = page.get_latest_revision()
    known = {"revision_id": str(revision.pk), "is_editing": "1"}
    assert ping(first, page, known).status_code == 200
    told = ping(second, page, known).json()
    assert [one["is_editing"] for one in told["other_sessions"]] == [True]
    autosave(first, page, opened(first, page), title="第三次写的标题")
    told = ping(second, page, known).json()
    assert any(one["revision_id"] for one in told["other_sessions"])
    stranger = two.clients["editor@yunling"]
    assert ping(stranger, page, known).status_code in {403, 404}


def test_a_phone_opens_the_draft_by_its_code(two: Two) -> None:
    editor, page = two.clients[f"editor@{A}"], two.content[A].draft
    address = f"/admin/pages/{page.pk}/edit/preview/"
    form = opened(editor, page) | {"title": "屏幕上还没有保存的标题"}
    assert editor.post(address, form, headers=csrf(editor)).json()["is_valid"]
    shown = BeautifulSoup(editor.get(address, {"mode": "code"}).content, "html.parser")
    assert shown.find("svg") is not None
    assert not shown.find_all("script") and not shown.find_all(style=True)
    link = shown.find("main").find("a")["href"]
    token = link.rsplit("/", 1)[1]
    phone = Client()  # nobody signed in there
    read = phone.get(f"/api/v1/h/{A}/cms/previews/{token}")
    assert read.status_code == 200 and read.json()["title"] == "屏幕上还没有保存的标题"
