"""Measured figures. Each module prints its rows with `row`; `python -m benchmarks [DATA]` runs them all and draws the table."""


def row(name: str, value: str | float, limit: str = "", ok: bool | None = None) -> None:
    """One line of the table: what was measured, the figure with its unit, the limit, and whether it holds (None: no limit)."""
    verdict = {True: "yes", False: "no", None: "-"}[ok]
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    print("\t".join(("ROW", name, text, limit, verdict)), flush=True)
