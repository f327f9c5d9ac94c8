"""`python -m tests.fuzz --cases 20000 [--seed 1]`: the whole fuzz on a database of its own; figures as JSON, 1 for any 5xx."""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.environment import ROOT


def main() -> int:
    """Run pytest on the one test with that many cases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="qinglian-fuzz-") as folder:
        report = Path(folder, "report.json")
        env = {
            **os.environ,
            "QINGLIAN_FUZZ_CASES": str(asked.cases),
            "QINGLIAN_FUZZ_SEED": str(asked.seed),
            "QINGLIAN_FUZZ_REPORT": str(report),
        }
        command = [sys.executable, "-m", "pytest", "tests/fuzz/test_fuzz.py", "-q", "-p", "no:xdist"]
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
        print(report.read_text() if report.exists() else (done.stdout + done.stderr)[-5000:])
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
