"""Reading our own source as trees, for rules about what code may say."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def modules(*patterns: str) -> Iterator[tuple[str, ast.Module]]:
    """Name from the root and tree of each of our modules that fits; migrations are generated and left out."""
    for pattern in patterns:
        found = sorted(ROOT.glob(pattern))
        assert found, f"no file fits {pattern}: the rule looks in the wrong place"
        for path in found:
            if "migrations" not in path.parts and "node_modules" not in path.parts:
                yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))
