"""Named points at which a test may kill the process: `QINGLIAN_FAULT=roster:before_commit`.

Nothing happens unless the variable is set; a point costs one dictionary look-up.
"""

import os

#: Every point, in the order an application passes them; the kill test runs them all.
POINTS = (
    "started",
    "after_read",
    "after_plan",
    "in_transaction",
    "after_trees",
    "after_persons",
    "after_posts",
    "after_updates",
    "after_journal",
    "before_commit",
    "after_commit",
)


def point(name: str) -> None:
    """End the process here, as kill -9 would, if a test asked for it."""
    if os.environ.get("QINGLIAN_FAULT") == f"roster:{name}":
        os._exit(137)
