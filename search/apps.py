"""The search app."""

from django.apps import AppConfig


class SearchConfig(AppConfig):
    """检索"""

    name = "search"
    label = "search"
    verbose_name = "检索"

    def ready(self) -> None:
        """Follow changes and keep the index equal to its source."""
        from pathlib import Path

        from django.conf import settings

        from core.status.registry import register_part
        from search import jobs
        from search.part import search

        jobs.register()
        register_part("search", "检索", search, order=80)
        if settings.SEARCH_CORPUS:
            from search.evaluation import corpus

            corpus.register(Path(settings.SEARCH_CORPUS))
