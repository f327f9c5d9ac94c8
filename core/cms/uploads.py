"""What may be uploaded: pictures by their header, files by a closed list of kinds that their first bytes must bear out."""

import codecs
import warnings
import zipfile
from typing import Any

from django.core.exceptions import ValidationError
from PIL import Image
from wagtail.images.forms import BaseImageForm

MAX_FILE = 50 * 1024 * 1024
#: Pillow refuses to open what has more than twice this: nothing larger is ever decoded.
HALF_OF_MOST_PIXELS = 30_000_000

KINDS = "PDF、Word、Excel、PowerPoint、文本（TXT、CSV）和图片（PNG、JPG）"
REFUSED = f"这种文件不能上传。可以上传：{KINDS}。"
PRETENDS = "文件内容与扩展名不符，不能上传。请用原来的软件另存后再试。"

_OFFICE = {"docx": "word/", "xlsx": "xl/", "pptx": "ppt/"}
_HEADS = {
    "pdf": (b"%PDF-",),
    "png": (b"\x89PNG\r\n\x1a\n",),
    "jpg": (b"\xff\xd8\xff",),
    "jpeg": (b"\xff\xd8\xff",),
    "doc": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",),
    "xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",),
    "ppt": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",),
}
_TEXTS = {"txt", "csv"}
_RUNS = (b"<!doctype", b"<html", b"<script", b"<svg", b"<?xml", b"<?php", b"#!", b"mz")

PICTURE_ERRORS = {
    "invalid_image": "无法识别这张图片，文件可能已损坏。",
    "invalid_image_extension": "这种图片不能上传。可以上传：GIF、JPG、PNG、WEBP。",
    "invalid_image_known_format": "图片内容与扩展名不符，不能上传。请另存为 JPG 或 PNG 后再试。",
    "file_too_many_pixels": "图片的像素太多，最多六千万像素（例如 9000×6600）。请缩小后再上传。",
    "file_too_large": "图片文件太大（%(file_size)s），最大 %(max_filesize)s。请缩小后再上传。",
    "file_too_large_unknown_size": "图片文件太大。请缩小后再上传。",
}


class PictureForm(BaseImageForm):
    """Wagtail's form for pictures; says in Chinese what is wrong with one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "file" in self.fields:
            self.fields["file"].error_messages |= PICTURE_ERRORS


def guard_pictures() -> None:
    """Make Pillow refuse, by the header alone, what is larger than we take. Called once, at start."""
    Image.MAX_IMAGE_PIXELS = HALF_OF_MOST_PIXELS
    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


def check_document(name: str, stored: Any, size: int) -> None:
    """Raises ValidationError for a file that is not of the closed list, or whose bytes say something else."""
    kind = name.rsplit(".", 1)[-1].lower() if "." in name else ""
    if kind not in {*_OFFICE, *_HEADS, *_TEXTS}:
        raise ValidationError(REFUSED)
    if size > MAX_FILE:
        raise ValidationError("文件太大，最大 50 MB。")
    if size == 0:
        raise ValidationError("文件是空的。")
    stored.seek(0)
    head = stored.read(8192)
    try:
        if kind in _OFFICE:
            _check_office(stored, _OFFICE[kind])
        elif kind in _HEADS:
            if not head.startswith(_HEADS[kind]):
                raise ValidationError(PRETENDS)
        else:
            _check_text(head)
    finally:
        stored.seek(0)


def _check_office(stored: Any, folder: str) -> None:
    stored.seek(0)
    try:
        with zipfile.ZipFile(stored) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise ValidationError(PRETENDS) from None
    if "[Content_Types].xml" not in names or not any(name.startswith(folder) for name in names):
        raise ValidationError(PRETENDS)
    if any(name.lower().endswith("vbaproject.bin") for name in names):
        raise ValidationError("文件里有宏，不能上传。请另存为不带宏的文件后再试。")


def _check_text(head: bytes) -> None:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"\0" in head or start.startswith(_RUNS):
        raise ValidationError(PRETENDS)
    for encoding in ("utf-8", "gb18030"):
        try:
            codecs.getincrementaldecoder(encoding)().decode(head)  # the last character may be cut
            return
        except UnicodeDecodeError:
            continue
    raise ValidationError(PRETENDS)
