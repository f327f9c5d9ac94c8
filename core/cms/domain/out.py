"""Published rows and pages as JSON: the shapes that the site and other clients read."""

import re
from dataclasses import dataclass
from typing import Any

from core.cms import models
from core.cms.blocks import table_rows
from core.cms.clean import clean_rich_text, clean_shown
from core.cms.domain import readers
from core.cms.domain.media import document_url, picture_out
from core.cms.domain.project import cover_of
from core.cms.domain.rankings import chart_out, ranking_out
from core.cms.domain.sites import site_href
from core.cms.models import CmsDocument, PublishedPage
from core.policy.principal import Principal

#: Pages of a column that come with it; the rest by the list.
CHILDREN = 20

MODELS: dict[str, type[Any]] = {
    model.page_kind: model
    for model in (
        models.HospitalRoot,
        models.ColumnPage,
        models.ArticlePage,
        models.LearningPage,
        models.BrandPage,
        models.RankingPage,
    )
}
_LINK = re.compile(r"<a ([^>]*)>")
_ATTR = re.compile(r'(linktype|id)="([^"]*)"')


@dataclass(frozen=True)
class Reader:
    """Who is given the page, in which hospital; `token` opens pictures of a preview without a session."""

    principal: Principal
    hospital: Any
    token: str = ""

    @property
    def inside(self) -> bool:
        """Whether what is for the hospital alone may be shown."""
        return bool(self.token) or readers.inside(self.principal)


def card(row: PublishedPage, slug: str) -> dict[str, Any]:
    """A page as a list shows it."""
    found = {
        "uid": str(row.uid),
        "type": row.type,
        "title": row.title,
        "summary": row.summary,
        "href": site_href(slug, row.path),
        "audience": row.audience,
        "published_at": row.published_at.isoformat(),
        "cover": picture_out(row.cover, slug, "card"),
        "facts": row.facts,
    }
    return found | {"kind": row.kind} if row.kind else found


def home_out(principal: Principal, hospital: Any) -> dict[str, Any]:
    """The hospital's home: the lead and the newest of each column."""
    columns = readers.columns(principal)
    newest = readers.newest_of(principal, columns)
    lead = readers.lead(principal)
    return {
        "hospital": {"slug": hospital.slug, "name": hospital.name},
        "sections": [
            {
                "uid": str(column.uid),
                "kind": column.kind,
                "title": column.title,
                "summary": column.summary,
                "href": site_href(hospital.slug, column.path),
                "cards": [card(row, hospital.slug) for row in newest.get(column.uid, [])],
            }
            for column in columns
        ],
        "lead": card(lead, hospital.slug) if lead else None,
    }


def menu_out(principal: Principal, hospital: Any) -> list[dict[str, str]]:
    """The columns that editors put into the menu."""
    return [
        {"label": row.title, "href": site_href(hospital.slug, row.path), "kind": row.kind}
        for row in readers.columns(principal)
        if row.in_menu
    ]


def tree_out(principal: Principal, hospital: Any) -> dict[str, Any] | None:
    """All pages as a tree; None for a hospital without pages. A page whose upper page is hidden is not in it."""
    nodes: dict[str, dict[str, Any]] = {}
    top = None
    for row in readers.tree(principal):
        node = {
            "uid": str(row.uid),
            "title": row.title,
            "href": site_href(hospital.slug, row.path),
            "type": row.type,
            "children": [],
        }
        parent = nodes.get(str(row.parent_uid)) if row.parent_uid else None
        if parent is not None:
            parent["children"].append(node)
        elif row.parent_uid is None:
            top = node
        else:
            continue
        nodes[node["uid"]] = node
    return top


def page_out(reader: Reader, row: PublishedPage, version: str = "") -> dict[str, Any]:
    """A page that is out. Raises NotFound where it went away in between."""
    page = MODELS[row.type].objects.filter(pk=row.page_id, live=True).select_related("cover").first()
    if page is None:
        raise readers.NotFound()
    slug = reader.hospital.slug
    found = {
        "uid": str(row.uid),
        "type": row.type,
        "title": row.title,
        "summary": row.summary,
        "audience": row.audience,
        "path": row.path,
        "href": site_href(slug, row.path),
        "published_at": row.published_at.isoformat(),
        "updated_at": row.changed_at.isoformat(),
        "breadcrumbs": [
            {"label": step["label"], "href": site_href(slug, step["path"])} for step in row.above
        ],
    }
    found |= text_out(reader, page, found["href"], version)
    if row.type in ("column", "home"):
        below = readers.visible(reader.principal).filter(parent_uid=row.uid).order_by("-published_at", "-id")
        found["children"] = [card(one, slug) for one in below[:CHILDREN]]
    return found


def text_out(reader: Reader, page: Any, href: str, version: str = "") -> dict[str, Any]:
    """What a page says itself, out or in a preview."""
    slug, token = reader.hospital.slug, reader.token
    found: dict[str, Any] = {
        "author": getattr(page, "author_line", ""),
        "cover": picture_out(cover_of(page), slug, "wide", token),
        "blocks": blocks_out(reader, page),
    }
    if page.page_kind == "column":
        found["kind"] = page.kind
    if page.page_kind == "learning":
        hours = f"{page.hours.normalize():f}" if page.hours else None
        found["learning"] = {
            "minutes": page.minutes,
            "hours": hours,
            "file": _file(page.file, "", slug, token) if page.file_id else None,
        }
    if page.page_kind == "brand":
        found["brand"] = {
            "party_org": page.party_org,
            "slogan": page.slogan,
            "secretary": page.secretary,
            "achievements": [str(block.value) for block in page.achievements],
        }
    if page.page_kind == "ranking":
        found["ranking"] = ranking_out(
            page.snapshot, reader.hospital, inside=reader.inside, href=href, version=version
        )
    return found


def blocks_out(reader: Reader, page: Any) -> list[dict[str, Any]]:
    """The body, block by block; what cannot be shown (a picture that was removed) is left out."""
    body = list(getattr(page, "body", ()))
    links = _Links(reader, [block.value.source for block in body if block.block_type == "text"])
    found = []
    for block in body:
        made = _block(reader, links, block.block_type, block.value)
        if made is not None:
            found.append({"id": block.id or "", **made})
    return found


def plain_text(page: Any) -> str:
    """The words of the body, for search."""
    said = []
    for block in getattr(page, "body", ()):
        value = block.value
        match block.block_type:
            case "text":
                said.append(re.sub(r"<[^>]+>", " ", clean_rich_text(value.source)))
            case "heading":
                said.append(value["text"])
            case "picture":
                said += [value["alt"], value["caption"]]
            case "table":
                said += [value["caption"], " ".join(value["cells"].replace("|", " ").split())]
            case "number_card":
                said += [f"{item['label']} {item['value']}{item['unit']}" for item in value]
            case "quote":
                said += [value["text"], value["by"]]
            case "file":
                said.append(value["name"] or (value["document"].title if value["document"] else ""))
    return "\n".join(part for part in said if part)


def _block(reader: Reader, links: "_Links", kind: str, value: Any) -> dict[str, Any] | None:
    slug, token = reader.hospital.slug, reader.token
    match kind:
        case "text":
            return {"kind": "text", "html": links.shown(value.source)}
        case "heading":
            return {"kind": "heading", "text": value["text"], "level": int(value["level"])}
        case "picture" if value["image"]:
            image = value["image"]
            size = {"uid": image.uid, "alt": value["alt"], "width": image.width, "height": image.height}
            made = picture_out(size, slug, "wide", token) or {}
            phone = picture_out(size, slug, "phone", token) or {}
            return {"kind": "picture", **made, "phone_url": phone["url"], "caption": value["caption"]}
        case "table":
            rows = table_rows(value["cells"])
            head = rows[0] if rows and value["header_row"] else []
            return {
                "kind": "table",
                "caption": value["caption"],
                "header_row": bool(head),
                "columns": head,
                "rows": rows[1:] if head else rows,
            }
        case "number_card":
            items = [
                {"label": i["label"], "value": i["value"], "unit": i["unit"], "note": i["source"]}
                for i in value
            ]
            return {"kind": "number", "items": items}
        case "chart":
            return {"kind": "chart", **chart_out(value, reader.hospital, inside=reader.inside)}
        case "file" if value["document"]:
            return {"kind": "file", **_file(value["document"], value["name"], slug, token)}
        case "quote":
            return {"kind": "quote", "text": value["text"], "by": value["by"]}
    return None


def _file(document: CmsDocument, name: str, slug: str, token: str) -> dict[str, Any]:
    return {
        "name": name or document.title,
        "size": document.file_size or _size(document),
        "href": document_url(slug, document.uid, token),
    }


def _size(document: CmsDocument) -> int:
    """Bytes of a file that was stored without Wagtail's form."""
    try:
        return int(document.file.size)
    except OSError:
        return 0


class _Links:
    """Links in the texts of one page: to pages that the reader may see, and to files of the hospital."""

    def __init__(self, reader: Reader, sources: list[str]) -> None:
        wanted: dict[str, set[int]] = {"page": set(), "document": set()}
        for source in sources:
            for attrs in _LINK.findall(clean_rich_text(source)):
                named = dict(_ATTR.findall(attrs))
                if named.get("linktype") in wanted and named.get("id", "").isdecimal():
                    wanted[named["linktype"]].add(int(named["id"]))
        slug = reader.hospital.slug
        self._found: dict[tuple[str, str], str] = {}
        if wanted["page"]:
            for row in readers.visible(reader.principal).filter(page_id__in=wanted["page"]):
                self._found["page", str(row.page_id)] = site_href(slug, row.path)
        if wanted["document"]:
            for document in CmsDocument.objects.filter(pk__in=wanted["document"]).select_related(
                "collection"
            ):
                if readers.of_hospital(document, reader.hospital.id):
                    self._found["document", str(document.pk)] = document_url(slug, document.uid, reader.token)

    def shown(self, source: str) -> str:
        """The text with addresses in place of numbers; a link to what the reader may not see is plain text."""
        return clean_shown(_LINK.sub(self._one, clean_rich_text(source)))

    def _one(self, match: re.Match[str]) -> str:
        named = dict(_ATTR.findall(match[1]))
        if "linktype" not in named:
            return match[0]
        href = self._found.get((named["linktype"], named.get("id", "")))
        return f'<a href="{href}">' if href else "<a>"
