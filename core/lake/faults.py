"""Named points at which a test may kill the process: `QINGLIAN_FAULT=lake:after_rename`.

Nothing happens unless the variable is set; a point costs one dictionary look-up.
"""

import os

#: Every point, in the order an import passes them; the kill test runs them all.
POINTS = (
    "started",
    "after_sniff",
    "after_transcode",
    "in_stage",
    "after_stage",
    "after_check",
    "after_quarantine",
    "after_lease",
    "after_sweep",
    "in_codes",
    "after_codes",
    "after_coded",
    "before_write",
    "after_write",
    "after_fsync",
    "after_rename",
    "after_all_renamed",
    "before_publish",
    "in_publish",
    "after_publish",
    "before_cleanup",
    "after_cleanup",
)


def point(name: str) -> None:
    """End the process here, as kill -9 would, if a test asked for it."""
    if os.environ.get("QINGLIAN_FAULT") == f"lake:{name}":
        os._exit(137)
