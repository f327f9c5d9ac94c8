"""Pictures and files: who may fetch them, which sizes there are, what may be uploaded; rich text is made harmless."""

import io
import struct
import zipfile
import zlib
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image
from wagtail.images.forms import get_image_form

from core.cms.clean import clean_rich_text, clean_shown
from core.cms.models import CmsDocument, CmsImage, ColumnPage
from core.kernel.context import acting
from tests.integration.cms.conftest import BY, add, article, get

pytestmark = pytest.mark.django_db


def png(width: int, height: int) -> bytes:
    """A real picture."""
    stream = io.BytesIO()
    Image.new("RGB", (width, height), (11, 99, 83)).save(stream, "PNG")
    return stream.getvalue()


def huge_png(width: int, height: int) -> bytes:
    """A picture whose header promises more than it holds: refused without being decoded."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0" * 4000))
        + chunk(b"IEND", b"")
    )


@pytest.fixture
def picture(root: Any) -> CmsImage:
    """A picture in the hospital's folder."""
    with acting(BY):
        return CmsImage.objects.create(
            title="楼",
            description="一座楼",
            collection=root.collection,
            file=ContentFile(png(2000, 1000), "lou.png"),
        )


def test_picture_is_as_open_as_the_page_that_shows_it(
    column: ColumnPage, picture: CmsImage, client: Client, signed_in: Any
) -> None:
    address = f"/cms/renditions/{picture.uid}/card"
    assert get(client, address).status_code == 404, "no page shows it"
    assert get(signed_in("staff"), address).status_code == 404
    assert get(signed_in("editor"), address).status_code == 200, "its writers see it"
    assert get(signed_in("editor", "yunling"), address).status_code == 404
    inner = add(column, article("院内", slug="inner", audience="internal", cover=picture))
    assert get(client, address).status_code == 404
    assert get(signed_in("staff"), address).status_code == 200
    add(column, article("公开", slug="open", cover=picture))
    shown = get(client, address)
    assert shown.status_code == 200 and shown["Content-Type"] == "image/png"
    assert "sandbox" in shown["Content-Security-Policy"] and shown["X-Content-Type-Options"] == "nosniff"
    assert Image.open(io.BytesIO(b"".join(shown.streaming_content))).size == (640, 320)
    again = client.get(f"/api/v1/h/binjiang{address}", headers={"If-None-Match": shown["ETag"]})
    assert again.status_code == 304
    assert inner.uid


def test_only_listed_sizes(column: ColumnPage, picture: CmsImage, client: Client) -> None:
    add(column, article("公开", slug="open", cover=picture))
    for spec in ("original", "width-9999", "max-1x1", "wide.png", "%2e%2e"):
        assert get(client, f"/cms/renditions/{picture.uid}/{spec}").status_code == 404
    page = get(client, "/cms/page", path="culture/open").json()
    assert (
        page["cover"]["width"] == 1600 and page["cover"]["height"] == 800 and page["cover"]["alt"] == "一座楼"
    )


def test_document_is_a_download(column: ColumnPage, root: Any, client: Client) -> None:
    with acting(BY):
        document = CmsDocument.objects.create(
            title="表", collection=root.collection, file=ContentFile("姓名,电话".encode(), "biao.csv")
        )
    assert get(client, f"/cms/documents/{document.uid}").status_code == 404
    add(column, article("公开", slug="open", body=[("file", {"document": document, "name": "登记表"})]))
    block = get(client, "/cms/page", path="culture/open").json()["blocks"][0]
    assert block["name"] == "登记表" and block["size"] > 0
    answer = client.get(block["href"])
    assert (
        answer["Content-Disposition"].startswith("attachment")
        and "sandbox" in answer["Content-Security-Policy"]
    )


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("bomb.png", huge_png(20_000, 15_000), "六千万像素"),
        ("large.png", huge_png(9_000, 7_000), "六千万像素"),
        ("x.svg", b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>", ""),
        ("x.png", b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>", ""),
        ("x.jpg", png(10, 10), "扩展名不符"),
        ("x.png", b"not a picture", "无法识别"),
    ],
)
def test_pictures_that_are_refused(name: str, content: bytes, said: str) -> None:
    form = get_image_form(CmsImage)(
        {"title": "图", "description": "图"}, {"file": SimpleUploadedFile(name, content)}
    )
    assert not form.is_valid()
    errors = "".join(form.errors["file"])
    assert said in errors and any("一" <= letter <= "鿿" for letter in errors), errors


def test_picture_without_alternative_text_is_refused() -> None:
    form = get_image_form(CmsImage)({"title": "图"}, {"file": SimpleUploadedFile("x.png", png(9, 9))})
    assert not form.is_valid() and "description" in form.errors


def office(*names: str) -> bytes:
    """A zip with these members."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "good"),
    [
        ("a.pdf", b"%PDF-1.7\n...", True),
        ("a.docx", office("[Content_Types].xml", "word/document.xml"), True),
        ("a.txt", "第一行\n第二行".encode(), True),
        ("a.csv", "姓名,科室".encode("gb18030"), True),
        ("a.exe", b"MZ\x90\0", False),
        ("a.pdf", b"MZ\x90\0", False),
        ("a.html", b"<html>", False),
        ("a.txt", b"  <!DOCTYPE html><script>", False),
        ("a.txt", b"#!/bin/sh\n", False),
        ("a.docx", office("[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"), False),
        ("a.docx", office("other.txt"), False),
        ("a.zip", office("other.txt"), False),
        ("a.txt", b"", False),
        ("noextension", b"text", False),
    ],
)
def test_files_of_a_closed_list(root: Any, name: str, content: bytes, good: bool) -> None:
    document = CmsDocument(title="文件", collection=root.collection, file=SimpleUploadedFile(name, content))
    if good:
        document.clean()
    else:
        with pytest.raises(ValidationError) as refused:
            document.clean()
        assert any("一" <= letter <= "鿿" for letter in "".join(refused.value.messages))


@pytest.mark.parametrize(
    "html",
    [
        "<script>alert(1)</script>",
        '<p onclick="x()">a</p>',
        '<a href="javascript:alert(1)">a</a>',
        "<img src=x onerror=alert(1)>",
        '<p style="position:fixed">a</p>',
        "<svg><script>alert(1)</script></svg>",
        '<iframe src="https://example.org"></iframe>',
        "<math><mtext></p><style><img src=x onerror=alert(1)>",
        '<a href="data:text/html,<script>1</script>">a</a>',
        '<form action="/admin/"><input></form>',
    ],
)
def test_foreign_html_is_cleaned_when_stored_and_when_shown(
    column: ColumnPage, client: Client, html: str
) -> None:
    for cleaned in (clean_rich_text(html), clean_shown(html)):
        for bad in (
            "<script",
            "onclick",
            "onerror",
            "javascript:",
            "<svg",
            "<iframe",
            "style=",
            "data:",
            "<form",
            "<img",
        ):
            assert bad not in cleaned
    page = add(column, article("有害", f"<p>好</p>{html}", slug="bad"))
    stored = str(type(page).objects.get(pk=page.pk).body.raw_data[0]["value"])
    assert stored == clean_rich_text(f"<p>好</p>{html}")
    assert "<p>好</p>" in get(client, "/cms/page", path="culture/bad").json()["blocks"][0]["html"]
