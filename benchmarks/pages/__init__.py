"""Lists of pages: our endpoint beside Wagtail's API v2 on the same data."""
