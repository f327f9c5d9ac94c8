"""Blocks that a page is built of. What they become for readers is in `domain/blocks_out.py`."""

from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from wagtail import blocks
from wagtail.documents.blocks import DocumentChooserBlock
from wagtail.images.blocks import ImageChooserBlock
from wagtail.rich_text import RichText

from core.cms import offered
from core.cms.clean import clean_rich_text

#: What the text editor offers. Headings, pictures and tables are blocks of their own.
FEATURES = ["bold", "italic", "ol", "ul", "link", "document-link"]

#: Largest table that is still read on a phone.
MAX_ROWS, MAX_COLUMNS = 200, 12


class CleanText(blocks.RichTextBlock):
    """Formatted text, cleaned when it is saved: script, styles and foreign elements are dropped."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("features", FEATURES)
        kwargs.setdefault("max_length", 20_000)
        super().__init__(**kwargs)

    def get_prep_value(self, value: Any) -> str:
        """What is stored."""
        source = getattr(value, "source", value) or ""
        return clean_rich_text(str(source))

    def normalize(self, value: Any) -> Any:
        """The value as the page holds it, already cleaned."""
        found = super().normalize(value)
        return RichText(clean_rich_text(found.source)) if isinstance(found, RichText) else found

    def deconstruct(self) -> Any:
        """As the library's own block, so that a change here needs no migration."""
        return ("wagtail.blocks.RichTextBlock", (), {"features": self.features})


class PictureBlock(blocks.StructBlock):
    """A picture with the words that stand for it."""

    image = ImageChooserBlock(label="图片")
    alt = blocks.CharBlock(
        label="替代文字", max_length=200, help_text="给看不到图片的人读的一句话：图上是什么。"
    )
    caption = blocks.CharBlock(label="图注", max_length=200, required=False)

    class Meta:
        icon = "image"
        label = "图片"


class HeadingBlock(blocks.StructBlock):
    """A heading inside a page."""

    text = blocks.CharBlock(label="小标题", max_length=80)
    level = blocks.ChoiceBlock(label="级别", choices=[("2", "一级"), ("3", "二级")], default="2")

    class Meta:
        icon = "title"
        label = "小标题"


class TableBlock(blocks.StructBlock):
    """A table as text, one line a row: what is copied out of a spreadsheet can be pasted as it is."""

    caption = blocks.CharBlock(label="表名", max_length=120)
    header_row = blocks.BooleanBlock(label="第一行是列名", required=False, default=True)
    cells = blocks.TextBlock(
        label="内容",
        max_length=40_000,
        rows=8,
        help_text="一行写一行，格与格之间用竖线 | 隔开；从电子表格复制后可以直接粘贴。",
    )

    def clean(self, value: Any) -> Any:
        """Raises ValidationError where rows differ in length or the table is too large."""
        cleaned = super().clean(value)
        rows = table_rows(cleaned["cells"])
        if not rows:
            raise blocks.StructBlockValidationError(block_errors={"cells": ValidationError("表格没有内容。")})
        if len(rows) > MAX_ROWS or max(map(len, rows)) > MAX_COLUMNS:
            said = f"表格最多 {MAX_ROWS} 行、{MAX_COLUMNS} 列；更大的表请作为文件附上。"
            raise blocks.StructBlockValidationError(block_errors={"cells": ValidationError(said)})
        for number, row in enumerate(rows, start=1):
            if len(row) != len(rows[0]):
                said = f"第 {number} 行有 {len(row)} 格，第一行有 {len(rows[0])} 格；每行的格数要一样。"
                raise blocks.StructBlockValidationError(block_errors={"cells": ValidationError(said)})
        return cleaned

    class Meta:
        icon = "table"
        label = "表格"


class NumberBlock(blocks.StructBlock):
    """One number of a number card, with where it comes from."""

    label = blocks.CharBlock(label="名称", max_length=40)
    value = blocks.CharBlock(label="数值", max_length=20)
    unit = blocks.CharBlock(label="单位", max_length=12, required=False)
    source = blocks.CharBlock(
        label="来源", max_length=80, required=False, help_text="数字出自哪里、到哪一天为止。"
    )

    class Meta:
        icon = "order"
        label = "数字"


class OfferedChoice(blocks.ChoiceBlock):
    """A choice whose offer is read for the person at the moment; stored as plain text."""

    def __init__(self, max_length: int = 60, **kwargs: Any) -> None:
        self.max_length = max_length
        super().__init__(**kwargs)

    def deconstruct(self) -> Any:
        """As the plain text block that it was, so that the offer stands in no migration."""
        return ("wagtail.blocks.CharBlock", (), {"label": self.label, "max_length": self.max_length})


class ChartBlock(blocks.StructBlock):
    """A chart of a frozen ranking: which column names the bars, which gives their length."""

    snapshot = OfferedChoice(label="冻结的排名（编号）", max_length=36, choices=offered.rankings)
    title = blocks.CharBlock(label="图名", max_length=80)
    label_column = OfferedChoice(label="名称列", choices=offered.columns, required=False)
    value_column = OfferedChoice(label="数值列", choices=offered.columns, required=False)

    def clean(self, value: Any) -> Any:
        """Fills in columns nobody chose. Raises ValidationError where the ranking lacks a chosen one."""
        cleaned = super().clean(value)
        has = offered.columns_of(cleaned["snapshot"])
        names = "、".join(has.values())
        errors = {}
        for key in ("label_column", "value_column"):
            if not cleaned[key]:
                cleaned[key] = offered.usual_column(cleaned["snapshot"], key == "value_column")
            elif cleaned[key] not in has:
                errors[key] = ValidationError(f"这份排名没有这一列，请从这几列中选：{names}。")
        if errors:
            raise blocks.StructBlockValidationError(block_errors=errors)
        return cleaned

    class Meta:
        icon = "doc-full"
        label = "图表"


class FileBlock(blocks.StructBlock):
    """A file to download."""

    document = DocumentChooserBlock(label="文件")
    name = blocks.CharBlock(label="显示名称", max_length=120, required=False)

    class Meta:
        icon = "doc-full-inverse"
        label = "附件"


class QuoteBlock(blocks.StructBlock):
    """Words of somebody else."""

    text = blocks.TextBlock(label="引文", max_length=600, rows=3)
    by = blocks.CharBlock(label="出处", max_length=80, required=False)

    class Meta:
        icon = "openquote"
        label = "引文"


class Body(blocks.StreamBlock):
    """The body of every page."""

    text = CleanText(label="正文", icon="pilcrow")
    heading = HeadingBlock()
    picture = PictureBlock()
    table = TableBlock()
    number_card = blocks.ListBlock(NumberBlock(), label="数字卡片", icon="order", min_num=1, max_num=8)
    chart = ChartBlock()
    file = FileBlock()
    quote = QuoteBlock()

    class Meta:
        max_num = 120


def table_rows(text: str) -> list[list[str]]:
    """The cells of a table written as text: tabs (pasted from a spreadsheet) or vertical lines part the cells."""
    rows = []
    for line in text.splitlines():
        if not line.strip():
            continue
        cells = line.split("\t") if "\t" in line else line.strip().strip("|").split("|")
        rows.append([cell.strip() for cell in cells])
    return rows


def is_number(text: str) -> bool:
    """Whether a cell can be drawn as a bar."""
    try:
        return Decimal(text.replace(",", "")).is_finite()
    except ArithmeticError:
        return False
