"""`python -m benchmarks.first_load`: gzip size of what sign-in and each route load, from the committed site/dist."""

import re
import subprocess
import sys

from benchmarks import row
from scripts.environment import ROOT


def main() -> int:
    """Read what scripts/build-site measures. 1 when a route passes its limit."""
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "build-site", "--sizes"], stdout=subprocess.PIPE, text=True
    )
    sizes = re.findall(r"([\d.]+) KB of (\d+)  (\w+)", done.stdout)
    for size, limit, name in sorted(sizes, key=lambda one: -float(one[0])):
        row(name, f"{size} KB", f"≤ {limit}", float(size) <= float(limit))
    return done.returncode if sizes else 1


if __name__ == "__main__":
    sys.exit(main())
