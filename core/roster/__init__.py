"""People and trees of one's own hospital, brought in from files or a personnel system."""
