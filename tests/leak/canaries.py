"""Marks planted wherever something that is not for visitors can lie; a public one shows that the crawler sees."""

import io
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.core.files.base import ContentFile
from PIL import Image
from wagtail.models import Comment, PageViewRestriction, Workflow

from core.cms.domain import ensure_site
from core.cms.domain.previews import keep
from core.cms.domain.sites import WORKFLOW
from core.cms.models import ArticlePage, BrandPage, CmsDocument, CmsImage, ColumnPage, LearningPage
from core.kernel import clock
from core.kernel.context import Actor, acting
from core.testing.world import World

BY = Actor.system("test")


@dataclass
class Planted:
    """`marks`: what no visitor may meet, by where it lies. `inside`: of these, what staff may read. `public`: what all may."""

    marks: dict[str, str] = field(default_factory=dict)
    inside: set[str] = field(default_factory=set)
    public: dict[str, str] = field(default_factory=dict)
    #: Addresses that a stranger could guess or have kept.
    known: list[str] = field(default_factory=list)

    def mark(self, where: str, *, inside: bool = False) -> str:
        """A new mark that occurs nowhere else."""
        made = f"qzx{len(self.marks):03d}canary"
        self.marks[where] = made
        if inside:
            self.inside.add(made)
        return made

    def open(self, where: str) -> str:
        """A mark that everybody may see."""
        made = f"qzp{len(self.public):03d}public"
        self.public[where] = made
        return made


def plant(world: World) -> Planted:
    """Fill both hospitals with pages in every state."""
    found = Planted()
    with acting(BY):
        root = ensure_site(world.hospital(), BY)
        folder = root.collection
        column = _out(
            root, ColumnPage(title=f"专栏 {found.open('column title')}", slug="zhuanlan", audience="public")
        )
        inner = _out(
            root,
            ColumnPage(
                title=found.mark("internal column: title", inside=True),
                summary=found.mark("internal column: summary", inside=True),
                slug=found.mark("internal column: slug", inside=True),
                audience="internal",
                show_in_menus=True,
            ),
        )
        _public(found, column, folder)
        _drafts(found, world, column)
        _timed(found, column)
        _internal(found, column, inner, folder)
        _restricted(found, column)
        _gone(found, column, inner)
        _previews(found, world, column)
        _elsewhere(found, world)
    return found


def _public(found: Planted, column: Any, folder: Any) -> None:
    page = _out(
        column,
        ArticlePage(
            title=f"公开 {found.open('title')}",
            summary=found.open("summary"),
            slug="gongkai",
            audience="public",
            cover=_picture(folder, "封面", found.open("picture: alt")),
            body=[
                ("text", f"<p>{found.open('body')}</p>"),
                (
                    "file",
                    {"document": _document(folder, "公开文件", found.open("document: bytes")), "name": ""},
                ),
            ],
        ),
    )
    Comment.objects.create(
        page=page, user=None or _anybody(), text=found.mark("comment on a public page"), contentpath="title"
    )
    fresh = ArticlePage.objects.get(pk=page.pk)
    fresh.title = found.mark("newer text of a public page: title")
    fresh.summary = found.mark("newer text of a public page: summary")
    fresh.body = [("text", f"<p>{found.mark('newer text of a public page: body')}</p>")]
    fresh.save_revision()


def _drafts(found: Planted, world: World, column: Any) -> None:
    draft = ArticlePage(
        title=found.mark("draft: title"),
        summary=found.mark("draft: summary"),
        slug=found.mark("draft: slug"),
        author_line=found.mark("draft: author"),
        audience="public",
        seo_title=found.mark("draft: title for search engines"),
        search_description=found.mark("draft: description"),
        body=[("text", f"<p>{found.mark('draft: body')}</p>")],
    )
    _draft(column, draft)
    found.known += [f"/cms/pages/{draft.uid}", f"/cms/page?path=zhuanlan/{draft.slug}"]
    waiting = ArticlePage(
        title=found.mark("waiting for review: title"),
        slug="daishen",
        audience="public",
        body=[("text", f"<p>{found.mark('waiting for review: body')}</p>")],
    )
    _draft(column, waiting)
    editor, reviewer = world.user("editor"), world.user("reviewer")
    state = Workflow.objects.get(name=WORKFLOW).start(waiting, editor)
    state.current_task_state.task.specific.on_action(
        state.current_task_state, reviewer, "reject", comment=found.mark("reviewer's remark")
    )
    found.known.append(f"/cms/pages/{waiting.uid}")


def _timed(found: Planted, column: Any) -> None:
    at = clock.now()
    later = ArticlePage(
        title=found.mark("scheduled: title"),
        slug="dingshi",
        audience="public",
        go_live_at=at + timedelta(days=2),
        body=[("text", f"<p>{found.mark('scheduled: body')}</p>")],
    )
    _draft(column, later).publish()
    ended = _out(
        column,
        ArticlePage(
            title=found.mark("ended, not yet taken down: title"), slug="daoqi", audience="public", body=[]
        ),
        expire_at=at + timedelta(seconds=1),
    )
    type(ended.published_row).unscoped.filter(page_id=ended.pk).update(expires_at=at - timedelta(minutes=1))
    down = _out(
        column,
        ArticlePage(
            title=found.mark("ended and taken down: title"), slug="xiaxian", audience="public", body=[]
        ),
    )
    down.unpublish(set_expired=True)
    found.known += [f"/cms/pages/{page.uid}" for page in (later, ended, down)]


def _internal(found: Planted, column: Any, inner: Any, folder: Any) -> None:
    mark = lambda where: found.mark(where, inside=True)  # noqa: E731
    picture = _picture(folder, mark("internal picture: title"), mark("internal picture: alt"))
    document = _document(folder, mark("internal document: title"), mark("internal document: bytes"))
    page = _out(
        column,
        ArticlePage(
            title=mark("internal page: title"),
            summary=mark("internal page: summary"),
            slug=mark("internal page: slug"),
            author_line=mark("internal page: author"),
            audience="internal",
            cover=picture,
            body=[
                ("text", f"<p>{mark('internal page: body')}</p>"),
                ("table", {"caption": mark("internal page: table"), "header_row": False, "cells": "甲|乙"}),
                ("file", {"document": document, "name": mark("internal page: name of a file")}),
            ],
        ),
    )
    below = _out(
        inner,
        LearningPage(
            title=mark("public page in an internal column: title"), slug="xia", audience="public", body=[]
        ),
    )
    _out(
        inner,
        BrandPage(
            title=mark("brand in an internal column: title"),
            party_org=mark("brand in an internal column: organisation"),
            secretary=mark("brand in an internal column: secretary"),
            slug="pinpai",
            audience="public",
        ),
    )
    _out(
        column,
        ArticlePage(
            title="有链接的公开文章",
            slug="lianjie",
            audience="public",
            body=[("text", f'<p><a linktype="page" id="{page.pk}">内部页面</a></p>')],
        ),
    )
    unused = _picture(folder, found.mark("picture that no page uses: title"), found.mark("the same: alt"))
    loose = _document(folder, found.mark("file that no page uses: title"), found.mark("the same: bytes"))
    found.known += [f"/cms/pages/{one.uid}" for one in (page, below, inner)]
    found.known += [f"/cms/pages?column={inner.uid}", f"/cms/page?path=zhuanlan/{page.slug}"]
    found.known += [f"/cms/renditions/{one.uid}/wide" for one in (picture, unused)]
    found.known += [f"/cms/documents/{one.uid}" for one in (document, loose)]


def _restricted(found: Planted, column: Any) -> None:
    for kind in (PageViewRestriction.PASSWORD, PageViewRestriction.GROUPS, PageViewRestriction.LOGIN):
        inside = kind == PageViewRestriction.LOGIN
        page = _out(
            column,
            ArticlePage(
                title=found.mark(f"restricted by {kind}: title", inside=inside),
                slug=kind,
                audience="public",
                body=[],
            ),
        )
        PageViewRestriction.objects.create(page=page, restriction_type=kind, password="geheim")
        page.save_revision().publish()
        found.known.append(f"/cms/pages/{page.uid}")


def _gone(found: Planted, column: Any, inner: Any) -> None:
    removed = _out(
        column, ArticlePage(title=found.mark("removed: title"), slug="shanchu", audience="public", body=[])
    )
    found.known.append(f"/cms/pages/{removed.uid}")
    removed.delete()
    moved = _out(
        column,
        ArticlePage(
            title=found.mark("moved into an internal column: title", inside=True),
            slug="yidong",
            audience="public",
            body=[],
        ),
    )
    moved.move(type(inner).objects.get(pk=inner.pk), pos="last-child")
    closed = _out(
        column, ColumnPage(title=found.mark("closed column: title"), slug="guanbi", audience="public")
    )
    _out(
        closed,
        ArticlePage(
            title=found.mark("page in a closed column: title"), slug="nei", audience="public", body=[]
        ),
    )
    type(closed).objects.get(pk=closed.pk).unpublish()
    narrowed = _out(
        column,
        ArticlePage(
            title=found.mark("first public, then internal: title", inside=True),
            slug="shouhui",
            audience="public",
            body=[],
        ),
    )
    narrowed.audience = "internal"
    narrowed.save_revision().publish()
    found.known += [f"/cms/pages/{one.uid}" for one in (moved, closed, narrowed)]


def _previews(found: Planted, world: World, column: Any) -> None:
    page = ArticlePage(
        title=found.mark("preview: title"),
        slug="yulan",
        audience="public",
        body=[("text", f"<p>{found.mark('preview: body')}</p>")],
    )
    token = keep(page, world.user("editor"), world.hospital(), parent_id=column.pk)
    found.known += [f"/cms/previews/{token}", f"/cms/previews/{token}x", "/cms/previews/x"]


def _elsewhere(found: Planted, world: World) -> None:
    root = ensure_site(world.hospital("yunling"), BY)
    column = _out(root, ColumnPage(title="云岭专栏", slug="zhuanlan", audience="public"))
    document = _document(
        root.collection,
        found.mark("other hospital's file: title"),
        found.mark("other hospital's file: bytes"),
    )
    page = _out(
        column,
        ArticlePage(
            title=found.mark("other hospital's internal page: title"),
            slug="yunling-nei",
            audience="internal",
            body=[("file", {"document": document, "name": ""})],
        ),
    )
    draft = ArticlePage(
        title=found.mark("other hospital's draft: title"), slug="yunling-gao", audience="public", body=[]
    )
    _draft(column, draft)
    found.known += [f"/cms/pages/{page.uid}", f"/cms/pages/{draft.uid}", f"/cms/documents/{document.uid}"]


def _out(parent: Any, page: Any, **values: Any) -> Any:
    for name, value in values.items():
        setattr(page, name, value)
    _draft(parent, page).publish()
    return type(page).objects.get(pk=page.pk)


def _draft(parent: Any, page: Any) -> Any:
    page.live = False
    type(parent).objects.get(pk=parent.pk).add_child(instance=page)
    return page.save_revision()


def _anybody() -> Any:
    from core.org.models import User

    return User.objects.order_by("id").first()


def _picture(folder: Any, title: str, alt: str) -> CmsImage:
    stream = io.BytesIO()
    Image.new("RGB", (900, 600), (60, 120, 110)).save(stream, "PNG")
    return CmsImage.objects.create(
        title=title, description=alt, collection=folder, file=ContentFile(stream.getvalue(), f"{title}.png")
    )


def _document(folder: Any, title: str, text: str) -> CmsDocument:
    return CmsDocument.objects.create(
        title=title, collection=folder, file=ContentFile(f"内容 {text}".encode(), f"{title}.txt")
    )
