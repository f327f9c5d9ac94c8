"""The embedded form with one policy row more and a header that tells the number of queries."""

from core.settings.embedded import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "benchmarks.gateway"]  # noqa: F405
MIDDLEWARE = ["benchmarks.gateway.count.CountQueries", *MIDDLEWARE]  # noqa: F405
