"""The admin's pages as an editor and a reviewer meet them: no English left where a person reads it."""

import re
from html.parser import HTMLParser

import pytest

from tests.integration.admin.conftest import A, Two
from tests.integration.admin.test_canaries import ask

pytestmark = [pytest.mark.django_db, pytest.mark.once]

#: Words that may stand there, and why.
ALLOWED = {
    "ID": "of a record",
    "None": "an empty counter that does not show",
    "PDF": "a kind of file",
    "CSV": "a kind of file",
    "DOCX": "a kind of file",
    "XLSX": "a kind of file",
    "PPTX": "a kind of file",
    "TXT": "a kind of file",
    "ZIP": "a kind of file",
    "GIF": "a kind of picture",
    "JPG": "a kind of picture",
    "JPEG": "a kind of picture",
    "PNG": "a kind of picture",
    "WEBP": "a kind of picture",
    "KB": "a size",
    "MB": "a size",
    "GB": "a size",
    "HTTP": "an address",
    "URL": "an address",
    "Ctrl": "a key of the keyboard",
    "Cmd": "a key of the keyboard",
    "Shift": "a key of the keyboard",
    "Alt": "a key of the keyboard",
    "Enter": "a key of the keyboard",
    "Esc": "a key of the keyboard",
    "Option": "a key of the keyboard",
    "Mod": "a key of the keyboard",
}
#: Attributes that are read to a person or shown to one.
SPOKEN = {"aria-label", "placeholder", "title", "alt", "aria-description"}
#: What stands inside is data or code.
SILENT = {"script", "style", "svg", "template", "kbd", "noscript"}


class Reader(HTMLParser):
    """Text and spoken attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the spoken attributes; remember what is silent."""
        if tag in SILENT:
            self._inside.append(tag)
        elif not self._inside:
            given = dict(attrs)
            self.said += [value for key in SPOKEN if (value := given.get(key))]
            if tag == "input" and given.get("type") in {"submit", "button"}:
                self.said.append(given.get("value") or "")

    def handle_endtag(self, tag: str) -> None:
        """Leave what is silent."""
        if self._inside and self._inside[-1] == tag:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        """Keep text that shows."""
        if not self._inside:
            self.said.append(data)


def english(html: str, known: set[str]) -> list[str]:
    """Phrases with Latin words of two letters or more that nobody allowed."""
    reader = Reader()
    reader.feed(html)
    found = []
    for text in reader.said:
        words = set(re.findall(r"[A-Za-z]{2,}", text)) - set(ALLOWED) - known
        if words:
            found.append(" ".join(text.split())[:120])
    return sorted(set(found))


def pages(two: Two, role: str) -> list[str]:
    """Addresses of one role's working day."""
    own = two.content[A]
    page = own.draft.pk if role == "editor" else own.waiting.pk
    found = [
        "/admin/", "/admin/review/", "/admin/guide/", f"/admin/pages/{own.root.pk}/", f"/admin/pages/{own.column.pk}/",
        "/admin/pages/search/?q=QLC", f"/admin/pages/{page}/edit/", f"/admin/pages/{page}/history/",
        f"/admin/pages/{own.waiting.pk}/workflow_history/",
        f"/admin/pages/{own.waiting.pk}/workflow_history/detail/{own.state.pk}/",
        f"/admin/pages/{page}/revisions/compare/earliest...latest/",
    ]  # fmt: skip
    if role == "reviewer":
        state = own.state.current_task_state
        return [
            *found,
            f"/admin/pages/workflow/action/{own.waiting.pk}/reject/{state.pk}/",
            f"/admin/pages/workflow/action/{own.waiting.pk}/approve/{state.pk}/",
        ]
    kinds = ("articlepage", "learningpage", "brandpage", "rankingpage", "columnpage")
    return [
        *found,
        *(f"/admin/pages/add/cms/{kind}/{own.column.pk}/" for kind in kinds),
        f"/admin/pages/{own.column.pk}/add_subpage/", "/admin/pages/create/cms/articlepage",
        f"/admin/pages/{own.draft.pk}/delete/", f"/admin/pages/{own.draft.pk}/move/", f"/admin/pages/{own.draft.pk}/copy/",
        f"/admin/pages/{own.draft.pk}/usage/", f"/admin/pages/workflow/confirm_cancellation/{own.waiting.pk}/",
        f"/admin/bulk/wagtailcore/page/delete/?id={own.draft.pk}", f"/admin/bulk/wagtailcore/page/move/?id={own.draft.pk}",
        "/admin/images/", "/admin/images/add/", "/admin/images/multiple/add/", f"/admin/images/{own.image.pk}/",
        f"/admin/images/{own.image.pk}/delete/", f"/admin/images/usage/{own.image.pk}/",
        "/admin/documents/", "/admin/documents/multiple/add/", f"/admin/documents/edit/{own.document.pk}/",
        f"/admin/documents/delete/{own.document.pk}/", f"/admin/documents/usage/{own.document.pk}/",
    ]  # fmt: skip


MODALS = [
    "/admin/choose-page/", "/admin/choose-page/search/?q=QLC", "/admin/choose-external-link/", "/admin/choose-email-link/",
    "/admin/choose-phone-link/", "/admin/choose-anchor-link/", "/admin/images/chooser/", "/admin/images/chooser/results/",
    "/admin/documents/chooser/", "/admin/documents/chooser/results/",
]  # fmt: skip


@pytest.mark.parametrize("role", ["editor", "reviewer"])
def test_no_english_is_left(two: Two, role: str) -> None:
    own = two.content[A]
    known = {"QLC", "QLCbinjiang", "binjiang", "png", "pdf", "PNG", "live", "draft", "waiting"}
    known |= set(
        re.findall(r"[A-Za-z]{2,}", f"{own.image.file.name} {own.document.file.name} {own.column.slug}")
    )
    known |= set(re.findall(r"[A-Za-z]{2,}", two.world.user("editor", A).username))
    found = {}
    for path in [*pages(two, role), *(MODALS if role == "editor" else [])]:
        status, text = ask(two.clients[f"{role}@{A}"], path)
        if text.startswith("{"):
            text = __import__("json").loads(text).get("html", "")
        assert status == 200, (path, status)
        if left := english(text, known):
            found[path] = left
    assert found == {}
