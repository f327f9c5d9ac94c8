"""The score that MDN's HTTP Observatory gives a page, by its published rules ("Tests & Scoring", developer.mozilla.org/observatory).

Baseline 100; penalties first; bonuses only when 90 is left. Written from the published table, not from its program; not
scored: what needs the outside (HSTS preload list, the certificate's chain).
"""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

SIX_MONTHS = 15_768_000
PRIVATE = {"no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin"}


@dataclass
class Page:
    """An answer over HTTPS, and where plain HTTP sent us first."""

    headers: list[tuple[str, str]]
    body: str
    redirected_to: str
    host: str
    modifiers: dict[str, int] = field(default_factory=dict)

    def header(self, name: str) -> str | None:
        """The value, None without; two of one name are joined as a browser does."""
        found = [value for key, value in self.headers if key.lower() == name]
        return ", ".join(found) if found else None


class _Scripts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "script":
            self.found.append(dict(attrs))


def score(page: Page) -> int:
    """The page's score; `page.modifiers` tells what each test gave."""
    policy = _policy(page.header("content-security-policy"))
    page.modifiers = {
        "content-security-policy": _csp(policy),
        "cookies": _cookies(page),
        "cross-origin-resource-sharing": -50 if page.header("access-control-allow-origin") == "*" else 0,
        "redirection": _redirection(page),
        "referrer-policy": _referrer(page.header("referrer-policy")),
        "strict-transport-security": _hsts(page.header("strict-transport-security")),
        "subresource-integrity": _integrity(page),
        "x-content-type-options": 0 if page.header("x-content-type-options") == "nosniff" else -5,
        "x-frame-options": _frames(page, policy),
        "cross-origin-resource-policy": -20
        if page.header("cross-origin-resource-policy") == "cross-origin"
        else 0,
    }
    left = 100 + sum(one for one in page.modifiers.values() if one < 0)
    return left + sum(one for one in page.modifiers.values() if one > 0) if left >= 90 else max(left, 0)


def _policy(text: str | None) -> dict[str, list[str]] | None:
    if text is None:
        return None
    parts = [part.split() for part in text.split(";") if part.strip()]
    return {part[0].lower(): part[1:] for part in parts}


def _csp(policy: dict[str, list[str]] | None) -> int:
    if not policy:
        return -25
    default = policy.get("default-src", ["*"])
    scripts, objects = policy.get("script-src", default), policy.get("object-src", default)
    styles = policy.get("style-src", default)
    broad = {"*", "https:", "http:", "data:"}
    if "'unsafe-inline'" in scripts or broad & {*scripts, *objects}:
        return -20
    if any(one.startswith("http:") for found in policy.values() for one in found):
        return -20
    if any("'unsafe-eval'" in found for found in policy.values()):
        return -10
    if "'unsafe-inline'" in styles or broad & {*styles}:
        return 0
    return 10 if default == ["'none'"] else 5


def _cookies(page: Page) -> int:
    """Django's anti-CSRF cookie is read by our script, so it is not HttpOnly; it is no session."""
    set_ = [value for key, value in page.headers if key.lower() == "set-cookie"]
    if not set_:
        return 0
    worst, strict = 0, True
    protected = _hsts(page.header("strict-transport-security")) >= 0
    for cookie in set_:
        name, marks = cookie.partition("=")[0], [part.strip().lower() for part in cookie.split(";")[1:]]
        session = bool(re.search(r"sess|login|auth", name, re.I))
        anti = "csrf" in name.lower()
        same = next((part.partition("=")[2] for part in marks if part.startswith("samesite")), None)
        if "secure" not in marks:
            worst = min(worst, (-10 if protected else -40) if session else (-5 if protected else -20))
        if session and "httponly" not in marks:
            worst = min(worst, -30)
        if anti and same is None:
            worst = min(worst, -20)
        if same is not None and same not in {"lax", "strict"}:
            worst = min(worst, -20)
        strict = strict and same in {"lax", "strict"}
    return worst if worst else 5 if strict else 0


def _redirection(page: Page) -> int:
    if not page.redirected_to:
        return -20
    if not page.redirected_to.startswith("https://"):
        return -10
    return 0 if page.redirected_to.removeprefix("https://").partition("/")[0] == page.host else -5


def _referrer(value: str | None) -> int:
    if value is None:
        return 0
    last = value.split(",")[-1].strip().lower()
    return 5 if last in PRIVATE else 0 if last == "no-referrer-when-downgrade" else -5


def _hsts(value: str | None) -> int:
    if value is None:
        return -20
    found = re.search(r"max-age=(\d+)", value)
    if "," in value or not found:
        return -20
    return 0 if int(found[1]) >= SIX_MONTHS else -10


def _integrity(page: Page) -> int:
    parser = _Scripts()
    parser.feed(page.body)
    outside = [one for one in parser.found if re.match(r"(https?:)?//", one.get("src") or "")]
    if not outside:
        return 0
    if all(one.get("integrity") for one in outside):
        return 5
    return -50 if any((one.get("src") or "").startswith("http:") for one in outside) else -5


def _frames(page: Page, policy: dict[str, list[str]] | None) -> int:
    if policy and policy.get("frame-ancestors"):
        return 5
    return 0 if (page.header("x-frame-options") or "").upper() in {"DENY", "SAMEORIGIN"} else -20
