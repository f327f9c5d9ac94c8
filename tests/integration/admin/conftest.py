"""Two hospitals with pages, pictures and files of the first that carry canaries; an editor and a reviewer of each."""

import re
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.test import Client
from PIL import Image
from wagtail.models import Comment, Page, Revision, WorkflowState

from core.cms.domain import ensure_site
from core.cms.models import ArticlePage, CmsDocument, CmsImage, ColumnPage, HospitalRoot
from core.kernel.context import Actor, acting
from core.testing.world import World
from tests.integration.access.things import signed_in

BY = Actor.system("test")
A, B = "binjiang", "yunling"


@dataclass
class Content:
    """What one hospital has in its tree, by what it is."""

    root: HospitalRoot
    column: ColumnPage
    live: ArticlePage
    draft: ArticlePage
    waiting: ArticlePage
    image: CmsImage
    document: CmsDocument
    comment: Comment
    state: WorkflowState
    revision: Revision


@dataclass
class Two:
    """Both hospitals, and a client for each of their writers."""

    world: World
    content: dict[str, Content]
    clients: dict[str, Client]
    canaries: list[str] = field(default_factory=list)

    def hits(self, text: str) -> list[str]:
        """Canaries of the first hospital in a text, whether written plainly or as JSON escapes."""
        plain = text + re.sub(r"\\+u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)
        return [one for one in self.canaries if one in plain]


@pytest.fixture(scope="module")
def two(module_scope: None) -> Two:
    """The world with content in both hospitals."""
    world = World.small()
    content = {slug: make_content(world, slug) for slug in (A, B)}
    clients = {
        f"{role}@{slug}": signed_in(world.user(role, slug))
        for slug in (A, B)
        for role in ("editor", "reviewer")
    }
    clients["system"] = signed_in(world.user("platform_admin", ""))
    for client in clients.values():
        client.get("/admin/")  # the first request of each makes the groups and joins them
    people = [world.user(role, A) for role in ("editor", "reviewer")]
    canaries = [f"QLC{A}{n}" for n in range(NAMES)]
    canaries += [A, world.hospital(A).name, *(one.get_full_name() for one in people)]
    return Two(world, content, clients, canaries)


#: How many canaries `make_content` plants.
NAMES = 12


def make_content(world: World, slug: str) -> Content:
    """A column with a live article, a draft, one in review with a comment; a tagged picture and file."""
    hospital, editor = world.hospital(slug), world.user("editor", slug)
    mark = [f"QLC{slug}{n}" for n in range(NAMES)]
    root = ensure_site(hospital, BY)
    by = Actor.user(editor)
    with acting(by):
        image = CmsImage(
            title=f"图 {mark[0]}",
            description=f"替代 {mark[1]}",
            collection=root.collection,
            uploaded_by_user=editor,
            file=ContentFile(picture(), f"{mark[2]}.png"),
        )
        image.save()
        image.tags.add(f"标签{mark[3]}")
        document = CmsDocument(
            title=f"文件 {mark[4]}",
            collection=root.collection,
            uploaded_by_user=editor,
            file=ContentFile(b"%PDF-1.4 text", f"{mark[5]}.pdf"),
        )
        document.save()
        document.tags.add(f"标签{mark[6]}")
        column = add(root, ColumnPage(title=f"栏目 {mark[7]}", slug=f"col-{slug}", owner=editor), editor)
        live = add(column, article(f"已发布 {mark[8]}", "live", editor, image), editor)
        draft = add(column, article(f"草稿 {mark[9]}", "draft", editor, image, live=False), editor, out=False)
        waiting = add(
            column, article(f"待审 {mark[10]}", "waiting", editor, image, live=False), editor, out=False
        )
        comment = Comment.objects.create(
            page=waiting,
            user=world.user("reviewer", slug),
            text=f"批注 {mark[11]}",
            contentpath="title",
            position="",
        )
        state = waiting.get_workflow().start(waiting, editor)
    return Content(
        root, column, live, draft, waiting, image, document, comment, state, waiting.get_latest_revision()
    )


def article(title: str, slug: str, owner: Any, image: CmsImage, *, live: bool = True) -> ArticlePage:
    """An unsaved article with a text, a picture and a cover."""
    return ArticlePage(
        title=title, slug=slug, owner=owner, cover=image, live=live, body=[("text", "<p>正文一段。</p>")]
    )


def add(parent: Page, page: Any, user: Any, *, out: bool = True) -> Any:
    """Put a page below another, with its first revision; out or as a draft."""
    page.live = out
    parent.add_child(instance=page)
    revision = page.save_revision(user=user)
    if out:
        revision.publish()
    return type(page).objects.get(pk=page.pk)


def picture() -> bytes:
    """A small PNG."""
    kept = BytesIO()
    Image.new("RGB", (40, 30), "teal").save(kept, "PNG")
    return kept.getvalue()
