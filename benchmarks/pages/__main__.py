"""`python -m benchmarks.pages`: a list of 20 of 200 articles, by our endpoint and by Wagtail's API v2, in one run.

Both are asked in one process through the whole middleware, in turns, for title, summary, date and cover; medians of
wall time. Limits: ≤ 6 queries, ≤ half of its time.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from typing import Any

PAGES, ROUNDS = 200, 40
QUERIES, SHARE = 6, 0.5
OURS = "/api/v1/h/bench/cms/pages?limit=20"
WAGTAIL = "/api/v2/pages/?type=cms.ArticlePage&fields=summary,cover_card&order=-first_published_at&limit=20"


def main() -> int:
    """Fill, ask in turns, print. 1 when a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=PAGES)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="qinglian-bench-") as home:
        os.environ |= {
            "QINGLIAN_HOME": home,
            "QINGLIAN_DATABASE_URL": "",
            "QINGLIAN_REDIS_URL": "",
            "QINGLIAN_WAGTAIL_API": "true",
            "QINGLIAN_LOG_LEVEL": "warning",
            "QINGLIAN_HOSTS": "testserver",
            "DJANGO_SETTINGS_MODULE": "core.settings.embedded",
        }
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0, interactive=False)
        _fill(asked.pages)
        return _measure(asked.rounds)


def _measure(rounds: int) -> int:
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from benchmarks import row

    browser = Client()
    counts: dict[str, int] = {}
    times: dict[str, list[float]] = {OURS: [], WAGTAIL: []}
    for address, key in ((OURS, "pages"), (WAGTAIL, "items")):
        browser.get(address)
        with CaptureQueriesContext(connection) as caught:
            found: Any = browser.get(address).json()
        counts[address] = len(caught)
        titles = [one["title"] for one in found[key]]
        if len(titles) != 20 or titles[0] != "第 0 篇":
            sys.exit(f"{address}: {titles[:3]}")
    for _ in range(rounds):
        for address, taken in times.items():
            began = time.perf_counter()
            browser.get(address)
            taken.append((time.perf_counter() - began) * 1000)
    ours, theirs = (statistics.median(times[address]) for address in (OURS, WAGTAIL))
    few, quick = counts[OURS] <= QUERIES, ours <= theirs * SHARE
    row("二十页：查询", f"{counts[OURS]} 条", f"≤ {QUERIES}", few)
    row("二十页：用时中位数", f"{ours:.1f} 毫秒", f"≤ {theirs * SHARE:.1f}", quick)
    row("Wagtail 自带接口：查询", f"{counts[WAGTAIL]} 条")
    row("Wagtail 自带接口：用时中位数", f"{theirs:.1f} 毫秒")
    return 0 if few and quick else 1


def _fill(count: int) -> None:
    from datetime import timedelta

    from django.core.files.base import ContentFile

    from core.cms.domain import ensure_site
    from core.cms.models import ArticlePage, CmsImage, ColumnPage
    from core.kernel import clock
    from core.kernel.context import Actor, acting
    from core.org.domain.trees import create_hospital
    from core.testing.pictures import draw

    by = Actor.system("bench")
    with acting(by):
        root = ensure_site(create_hospital(slug="bench", name="测速医院"), by)
        column = ColumnPage(title="专栏", slug="zhuanlan", audience="public", live=False)
        root.add_child(instance=column)
        column.save_revision().publish()
        column = ColumnPage.objects.get(pk=column.pk)
        cover = CmsImage.objects.create(
            title="封面",
            description="一张封面",
            collection=root.collection,
            file=ContentFile(draw("hills"), "fengmian.jpg"),
        )
        for n in range(count):
            page = ArticlePage(
                title=f"第 {n} 篇",
                slug=f"n{n}",
                audience="public",
                summary="一句话的摘要。",
                live=False,
                cover=cover,
                body=[("text", "<p>正文</p>")],
            )
            column.add_child(instance=page)
            page.first_published_at = clock.now() - timedelta(days=n)
            page.save_revision().publish()


if __name__ == "__main__":
    sys.exit(main())
