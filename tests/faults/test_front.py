"""The production app behind the committed TLS front: headers, score, who is believed to be whom."""

from collections.abc import Iterator

import pytest

from tests.faults import outage
from tests.faults.front import Front, front
from tests.faults.observatory import Page, score

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.postgres, pytest.mark.redis]
PAGES = ("/", "/sign-in", "/h/binjiang/", "/no-such-page", "/admin/", "/api/v1/session", "/robots.txt")


@pytest.fixture(scope="module")
def tls(place: outage.Place) -> Iterator[Front]:
    """nginx before the running app."""
    with front(place.stack.port) as found:
        yield found


@pytest.mark.parametrize("path", PAGES)
def test_each_page_scores_a_hundred_at_the_observatory(tls: Front, path: str) -> None:
    page = tls.page(path)
    found = score(page)
    print(path, found, page.modifiers)
    assert found >= 100, page.modifiers
    assert min(page.modifiers.values()) == 0, page.modifiers


def test_the_score_is_able_to_fall() -> None:
    page = Page([("Content-Type", "text/html")], "<script src='http://cdn.example/x.js'></script>", "", "h")
    assert score(page) == 0
    assert page.modifiers["content-security-policy"] == -25
    assert page.modifiers["subresource-integrity"] == -50


def test_figures_are_not_for_the_outside_and_health_holds_no_data(tls: Front) -> None:
    assert tls.get("/metrics")[0] == 404
    assert tls.get("/health")[0] == 200


def test_a_client_cannot_pretend_another_address_or_scheme(tls: Front, place: outage.Place) -> None:
    status, _, _ = tls.get("/sign-in", {"X-Forwarded-Proto": "http", "X-Forwarded-For": "10.9.8.7"})
    assert status == 200  # not sent round: the front says https itself
    text = place.stack.log("web").read_text(errors="replace")
    assert "10.9.8.7" not in text


def test_while_the_web_is_down_the_front_says_so_in_chinese_with_safe_headers(place: outage.Place) -> None:
    with front(1) as alone:  # nothing listens on port 1
        status, headers, body = alone.get("/")
        assert status == 503
        assert "网站正在启动或维护" in body.decode()
        page = Page(headers, body.decode(), alone.redirect("/"), "127.0.0.1")
        assert score(page) >= 100, page.modifiers
