"""Real Chromium for end-to-end tests: Debian's, driven by Playwright, in Chinese, with every console error kept."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

    from tests.support.live import Live

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1440, "height": 900}
QUIET = (
    "--no-sandbox",  # Chromium refuses to sandbox as root, which is what CI is
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
    "--lang=zh-CN",  # the browser's own words, such as in date fields
    "--disable-dev-shm-usage",
    "--force-color-profile=srgb",
    "--font-render-hinting=none",
)


@contextmanager
def chromium() -> "Iterator[Browser]":
    """Debian's Chromium, headless. Raises LookupError with the apt line where there is none."""
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        raise LookupError("没有找到 Chromium。请以 root 运行：apt-get install chromium fonts-noto-cjk")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=list(QUIET))
        try:
            yield started
        finally:
            started.close()


def new_context(browser: "Browser", viewport: dict[str, int] = DESK, **options: Any) -> "BrowserContext":
    """A fresh profile: Chinese, Shanghai time, no motion."""
    given: dict[str, Any] = {"locale": "zh-CN", "timezone_id": "Asia/Shanghai", "reduced_motion": "reduce"}
    if viewport == PHONE:
        given |= {"has_touch": True, "is_mobile": True, "device_scale_factor": 2}
    return browser.new_context(viewport=viewport, **{**given, **options})  # type: ignore[arg-type]


def sign_in(page: "Page", url: str, username: str, password: str) -> None:
    """Sign in through the sign-in page, as a person does: type both and press Enter."""
    page.goto(f"{url}/sign-in")
    page.locator("input[autocomplete='username']").fill(username)
    secret = page.locator("input[autocomplete='current-password']")
    secret.fill(password)
    secret.press("Enter")
    page.wait_for_url(lambda where: "/sign-in" not in where, timeout=15_000)


def enter(page: "Page", url: str, username: str, password: str) -> None:
    """Sign in through the API, into the page's own cookie jar: quick, where signing in is not what is tested."""
    request = page.context.request
    csrf = request.get(f"{url}/api/v1/session").json()["csrf"]
    answer = request.post(
        f"{url}/_allauth/browser/v1/auth/login",
        data={"username": username, "password": password},
        headers={"X-CSRFToken": csrf, "Referer": f"{url}/"},
    )
    assert answer.ok, f"sign-in of {username}: {answer.status} {answer.text()[:300]}"


def address(page: "Page", path: str, slug: str) -> str:
    """A path of pages.yaml with its places filled in, asked with the page's own rights.

    `{slug}`, `{first}` and `{first:key}` as there said; `{page:article}` is the newest page of that type,
    `{column:rankings}` the first column of that kind.
    """
    path = path.replace("{slug}", slug)
    for found in re.findall(r"\{page:\w+\}", path):
        rows = page.context.request.get(f"/api/v1/h/{slug}/cms/pages?limit=1&type={found[6:-1]}").json()[
            "pages"
        ]
        path = path.replace(found, rows[0]["href"])
    for found in re.findall(r"\{column:\w+\}", path):
        columns = page.context.request.get(f"/api/v1/h/{slug}/cms/home").json()["sections"]
        path = path.replace(found, next(one["href"] for one in columns if one["kind"] == found[8:-1]))
    for found in re.findall(r"\{first[^}]*\}", path):
        key = found[1:-1].partition(":")[2] or path.split("/r/")[1].split("/")[0]
        rows = page.context.request.get(f"/api/v1/h/{slug}/resources/{key}/rows?limit=1").json()["rows"]
        path = path.replace(found, rows[0]["uid"])
    return path


def settle(page: "Page") -> None:
    """Wait until the page has its heading and neither grey bars nor requests under way."""
    page.wait_for_selector("h1")
    page.wait_for_load_state("networkidle")
    page.wait_for_function("!document.querySelector('.skel')")


#: Rows after the seventh are made by the same template: looking at them costs half a minute and finds nothing new.
REPEATED = ("tbody tr:nth-child(n+8)", ".cards > li:nth-child(n+8)")


def axe(page: "Page", *, only: tuple[str, ...] = ()) -> list[str]:
    """Accessibility findings of impact serious or critical: rule, what it says, and where. Empty is good.

    `only` names the rules to look at (default: all).
    """
    from axe_playwright_python.sync_playwright import Axe

    # evaluated, not added as a script: the page's own content policy refuses added scripts
    left_out = [[selector] for selector in REPEATED if page.locator(selector).count()]
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if only:
        options["runOnly"] = {"type": "rule", "values": list(only)}
    place = {"include": [["html"]], "exclude": left_out} if left_out else None
    found = Axe().run(page, context=place, options=options).response["violations"]
    return [
        f"{one['id']} ({one['impact']}): {one['help']}: "
        + ", ".join(str(node["target"]) for node in one["nodes"][:5])
        for one in found
        if one["impact"] in {"serious", "critical"}
    ]


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    """One Chromium for the session."""
    # Playwright keeps an event loop in this thread, which Django takes for asynchronous code
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with chromium() as started:
        yield started
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def open_page(browser: "Browser", live: "Live") -> "Iterator[Callable[..., Page]]":
    """`open_page(role, hospital=None, viewport=DESK, dark=False)`: a page signed in through the form; role None: signed out.

    Fails the test when a page wrote an error to the console: a refused script, a lost chunk, an exception.
    """
    opened: list[BrowserContext] = []
    errors: list[str] = []

    def make(
        role: str | None, hospital: str | None = None, viewport: dict[str, int] = DESK, dark: bool = False
    ) -> "Page":
        context = new_context(browser, viewport, base_url=live.url, color_scheme="dark" if dark else "light")
        opened.append(context)
        context.on("console", lambda message: errors.append(message.text) if _bad(message) else None)
        context.on("weberror", lambda error: errors.append(str(error.error)))
        page = context.new_page()
        if role is not None:
            account = live.account(role, hospital)
            sign_in(page, live.url, account["username"], account["password"])
        return page

    yield make
    for context in opened:
        context.close()
    assert not errors, "the browser's console says:\n" + "\n".join(errors)


def _bad(message: Any) -> bool:
    """An error, except the line Chromium writes for every 4xx answer: those are asserted by the tests themselves."""
    return message.type == "error" and not message.text.startswith("Failed to load resource")
