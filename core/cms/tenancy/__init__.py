"""Wagtail's admin, one hospital at a time: rights from posts, rows of one's own hospitals, a closed list of views."""
