"""`make shot`: every page of tests/support/pages.yaml on two contact sheets, 390 and 1440 wide, under shots/.

Uses the stack that runs on QINGLIAN_HOME, else starts one of its own in a temporary folder.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import yaml
from PIL import Image, ImageDraw, ImageFont

from scripts.environment import ROOT
from scripts.say import run, say
from scripts.stack import Stack, free_port
from scripts.up import chosen, prepare
from tests.support.browser import DESK, PHONE, address, chromium, enter, new_context, settle
from tests.support.live import Live

SHOTS = ROOT / "shots"
#: Width of one picture on the sheet, pictures side by side, highest picture in multiples of its window.
LAYOUT = {390: (PHONE, 260, 6), 1440: (DESK, 640, 3)}
PAPER, INK, GAP, HEAD = "#eceff1", "#263238", 24, 30


def shot() -> int:
    """Both sheets; 1 if a page could not be opened (the others are still on the sheets)."""
    pages = yaml.safe_load((ROOT / "tests/support/pages.yaml").read_text(encoding="utf-8"))
    SHOTS.mkdir(exist_ok=True)
    missed: list[str] = []
    with chromium() as browser, _running() as live:
        for width, (viewport, size, across) in LAYOUT.items():
            pictures = []
            for context_pages in _by_role(pages):
                context = new_context(browser, viewport, base_url=live.url)
                page = context.new_page()
                slug = _enter(
                    live, page, context_pages[0]["role"], context_pages[0].get("hospital", "binjiang")
                )
                for one in context_pages:
                    try:
                        picture = _take(page, one, slug, viewport)
                    except (
                        Exception
                    ) as error:  # the sheet shows the others; the code says that one is missing
                        missed.append(f"{one['name']}（{width}）：{str(error).splitlines()[0]}")
                        continue
                    picture.save(SHOTS / f"{width}-{pages.index(one) + 1:02d}.png")
                    pictures.append((pages.index(one), one["name"], picture))
                context.close()
            sheet = SHOTS / f"sheet-{width}.png"
            _stitch(
                [(name, picture) for _, name, picture in sorted(pictures, key=lambda p: p[0])], size, across
            ).save(sheet)
            say(f"{sheet.relative_to(ROOT)}：{len(pictures)} 页")
    for line in missed:
        say(f"没有拍到 {line}")
    return 1 if missed else 0


@contextmanager
def _running() -> Iterator[Live]:
    """The stack of this data folder if it answers, else one in a temporary folder."""
    home, port, bind = chosen()
    stack = Stack(home, port, bind)
    if stack.running() and stack.health() == 200:
        yield Live(stack)
        return
    folder = Path(tempfile.mkdtemp(prefix="qinglian-shot-"))
    stack = Stack(folder, free_port(), python=Path(sys.executable))
    try:
        prepare(stack)
        stack.start()
        yield Live(stack)
    finally:
        stack.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _by_role(pages: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    found: dict[Any, list[dict[str, Any]]] = {}
    for one in pages:
        found.setdefault((one["role"], one.get("hospital")), []).append(one)
    return list(found.values())


def _enter(live: Live, page: Any, role: str | None, hospital: str) -> str:
    """Sign in; the slug of the account's hospital."""
    if role is None:
        return hospital
    account = live.account(role, hospital)
    enter(page, live.url, account["username"], account["password"])
    return account["hospital"]


def _take(page: Any, one: dict[str, Any], slug: str, viewport: dict[str, int]) -> Image.Image:
    page.goto(address(page, one["path"], slug))
    settle(page)
    picture = Image.open(BytesIO(page.screenshot(full_page=True)))
    highest = picture.width * viewport["height"] * 2 // viewport["width"]
    return picture.crop((0, 0, picture.width, min(picture.height, highest)))


def _stitch(pictures: list[tuple[str, Image.Image]], size: int, across: int) -> Image.Image:
    """Columns of equal width; each next picture goes to the shortest column."""
    heights = [GAP] * across
    placed = []
    for name, picture in pictures:
        small = picture.resize(
            (size, max(1, picture.height * size // picture.width)), Image.Resampling.LANCZOS
        )
        column = heights.index(min(heights))
        placed.append((name, small, GAP + column * (size + GAP), heights[column]))
        heights[column] += HEAD + small.height + GAP
    sheet = Image.new("RGB", (GAP + across * (size + GAP), max(heights)), PAPER)
    pen, font = ImageDraw.Draw(sheet), _font(17)
    for name, small, x, y in placed:
        pen.text((x, y + 4), name, fill=INK, font=font)
        sheet.paste(small, (x, y + HEAD))
        pen.rectangle((x - 1, y + HEAD - 1, x + size, y + HEAD + small.height), outline="#b0bec5")
    return sheet


def _font(size: int) -> Any:
    """A font with Chinese glyphs, as fontconfig finds it."""
    found = subprocess.run(
        ["fc-match", "-f", "%{file}", ":lang=zh-cn"], capture_output=True, text=True
    ).stdout
    return ImageFont.truetype(found, size) if found and Path(found).exists() else ImageFont.load_default(size)


if __name__ == "__main__":
    run(shot)
