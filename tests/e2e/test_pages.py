"""Every page of pages.yaml, as each role sees it: on the desk and on a phone, light and dark."""

import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from playwright.sync_api import Page

from scripts.environment import ROOT
from tests.support.browser import DESK, PHONE, address, axe, enter, settle
from tests.support.live import Live

pytestmark = pytest.mark.e2e

PAGES: list[dict[str, Any]] = yaml.safe_load((ROOT / "tests/support/pages.yaml").read_text(encoding="utf-8"))
WHO = list(dict.fromkeys((one["role"], one.get("hospital", "binjiang")) for one in PAGES))
#: Words of other alphabets that Chinese readers of a hospital expect as they are.
KNOWN = {"Excel", "CSV", "Parquet", "UTF", "GB", "ATC", "DDD", "IP", "Enter", "PDF", "Office", "KB", "MB"}
KNOWN |= {"zb", "dy", "ny", "by"}  # the codes that the demonstration's hospital gave its campuses
FILE = re.compile(r"\S*\.(csv|xlsx?|parquet|txt)\b")
#: Codes, account and file names, and values out of the hospital's own files: a digit, "_", "-", "@" or "." within.
CODE = re.compile(r"[A-Za-z0-9]*[-_.@\d][-_.@A-Za-z0-9]*")
#: Text that a person reads; the rule's own text and the columns of the hospital's own file stay as they are.
READ = """() => {
  const copy = [], skip = new Set(document.querySelectorAll('pre, kbd, [data-raw], .ear'));
  const walk = (node) => {
    if (skip.has(node) || (node.nodeType === 1 && getComputedStyle(node).display === 'none')) return;
    if (node.nodeType === 3) copy.push(node.data);
    node.childNodes.forEach(walk);
  };
  walk(document.body);
  document.querySelectorAll('[aria-label], [placeholder], [title]').forEach((e) =>
    ['aria-label', 'placeholder', 'title'].forEach((a) => e.getAttribute(a) && copy.push(e.getAttribute(a))));
  return copy.join('\\n');
}"""


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["1440", "390"])
@pytest.mark.parametrize(("role", "hospital"), WHO, ids=[f"{role}-{hospital}" for role, hospital in WHO])
def test_pages(
    open_page: Callable[..., Page], live: Live, role: str | None, hospital: str, viewport: dict[str, int]
) -> None:
    """No error, nothing serious for accessibility in either theme, no sideways scroll, one heading, a title, Chinese words."""
    page = open_page(None, viewport=viewport)
    if role is not None:
        account = live.account(role, hospital)
        enter(page, live.url, account["username"], account["password"])
    wrong = []
    for one in PAGES:
        if (one["role"], one.get("hospital", "binjiang")) == (role, hospital):
            page.emulate_media(color_scheme="light")
            page.goto(address(page, one["path"], hospital))
            settle(page)
            wrong += [f"{one['name']}：{said}" for said in _look(page)]
    assert not wrong, "\n".join(wrong)


def _look(page: Page) -> list[str]:
    """What is wrong with the page that is open."""
    found = []
    narrow = page.viewport_size == PHONE
    page.emulate_media(color_scheme="dark" if narrow else "light")
    found += axe(page)
    if not narrow:  # the other theme changes colours only, and the phone has it in full
        page.emulate_media(color_scheme="dark")
        found += [f"dark: {said}" for said in axe(page, only=("color-contrast",))]
    wide, window = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    if wide > window:
        found.append(f"scrolls sideways: {wide} > {window}")
    if (headings := page.locator("h1").count()) != 1:
        found.append(f"{headings} h1")
    if not re.fullmatch(r".+ · 清廉", page.title()):
        found.append(f"title “{page.title()}”")
    if latin := _latin(page.evaluate(READ)):
        found.append(f"Latin words: {', '.join(latin)}")
    return found


def _latin(text: str) -> list[str]:
    """Words of at least two Latin letters that are neither a code nor in KNOWN."""
    words = re.findall(r"[A-Za-z0-9][-_.@A-Za-z0-9]*", FILE.sub("", text))
    return sorted(
        {
            word
            for word in words
            if re.search(r"[A-Za-z]{2}", word) and word not in KNOWN and not CODE.fullmatch(word)
        }
    )
