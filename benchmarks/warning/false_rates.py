"""`python -m benchmarks.warning.false_rates --seeds 101 102`: false warnings of the series rules on sets of seeds that nobody tuned on.

Everything found on a department that truth.csv does not name for the rule counts as false. Prints per rule and seed, per 1,000 subject-months.
"""

from __future__ import annotations

import argparse
from collections import Counter

import ibis
import pandas as pd

from benchmarks.warning.generate import World, generate
from benchmarks.warning.planted import CODES, RULES, matches, register
from plugins.warning.domain.evaluate import evaluate
from plugins.warning.domain.rules import load_rules


def main() -> None:
    """Runs and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[101, 102, 103])
    parser.add_argument("--rules", default="B4_", help="only rules whose code starts so")
    parser.add_argument("--lines", type=int, default=100_000)
    options = parser.parse_args()
    rules = [rule for rule in load_rules(RULES) if rule.code.startswith(options.rules)]
    false: Counter[str] = Counter()
    months_of: Counter[str] = Counter()
    for seed in options.seeds:
        made = next(generate(World(departments=12, doctors=8, months=18, lines=options.lines, seed=seed)))
        frames = dict(made.tables) | {"prescription_lines": pd.concat(made.lines.values(), ignore_index=True)}
        con = ibis.duckdb.connect()
        output = evaluate(rules, con, register(con, "H1", frames), list(made.lines))
        for rule in rules:
            named = [t for t in made.truth if CODES.get(t["code"]) == rule.code]
            wrong = [
                f
                for f in output.findings
                if f.rule == rule.code
                and not any(matches(t["code"], str(t["entity"]), "H1", f.subject) for t in named)
            ]
            size = len(output.measured.get(rule.code, ()))
            false[rule.code] += len(wrong)
            months_of[rule.code] += size
            print(f"seed {seed} {rule.code:18}{len(wrong):4} false in {size:6,} subject-months")
    for rule in rules:
        rate = 1000 * false[rule.code] / max(1, months_of[rule.code])
        print(f"{rule.code:18}{false[rule.code]:4} in {months_of[rule.code]:6,} = {rate:.2f} per 1,000")


if __name__ == "__main__":
    main()
