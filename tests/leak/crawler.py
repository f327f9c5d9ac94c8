"""Follows everything that an answer names, over API, site routes, feeds and media, and keeps all that was answered."""

import re
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from django.test import Client

_ADDRESS = re.compile(
    r"""(?:https?://testserver)?(/(?:api|h|robots|admin|media|documents|static)[^\s"'<>\\]*)"""
)
MOST = 800


class Crawler:
    """`answers`: address → (status, everything that came back, as text)."""

    def __init__(self, browser: Client) -> None:
        self.browser = browser
        self.answers: dict[str, tuple[int, str]] = {}

    def run(self, starts: list[str]) -> None:
        """Visit the starts and whatever they lead to, each address once."""
        waiting = list(starts)
        while waiting and len(self.answers) < MOST:
            address = waiting.pop()
            if address in self.answers:
                continue
            text = self._visit(address)
            for found in _ADDRESS.findall(text):
                waiting += _ways(found)

    def met(self, marks: dict[str, str]) -> list[str]:
        """Where a mark was met: what it lies in, and the address that showed it."""
        return [
            f"{where} ({mark}) at {address}"
            for address, (_, text) in self.answers.items()
            for where, mark in marks.items()
            if mark in text and mark not in unquote(address)  # what one asked for may be echoed
        ]

    def _visit(self, address: str) -> str:
        answer: Any = self.browser.get(address)
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content
        headers = "\n".join(f"{name}: {value}" for name, value in answer.items())
        text = f"{headers}\n{body.decode('utf-8', 'replace')}"
        self.answers[address] = (answer.status_code, text)
        return text


def _ways(address: str) -> list[str]:
    """An address, and for a page of the site what the site itself asks the API for."""
    found = [address]
    parts = urlsplit(address)
    steps = parts.path.split("/")
    if len(steps) > 4 and steps[1] == "h" and steps[3] == "c":
        path = quote(unquote("/".join(steps[4:])), safe="/")
        version = parse_qs(parts.query).get("version", [""])[0]
        found.append(f"/api/v1/h/{steps[2]}/cms/page?path={path}&version={version}")
    if "/cms/renditions/" in address:
        found += [
            address.rsplit("/", 1)[0] + f"/{spec}"
            for spec in ("card", "phone", "wide", "original", "max-9x9")
        ]
    return found
