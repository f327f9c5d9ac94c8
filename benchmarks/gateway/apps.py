"""The app that gives a department head the right to list posts of the own department, in the benchmark only."""

from pathlib import Path

from django.apps import AppConfig


class BenchmarkConfig(AppConfig):
    """测速"""

    name = "benchmarks.gateway"
    label = "benchmark_gateway"

    def ready(self) -> None:
        """Add the policy row, so that a condition of a part of the rows is measured too."""
        from core.policy.table import load_table

        load_table(Path(__file__).with_name("policy.csv"), "benchmark")
