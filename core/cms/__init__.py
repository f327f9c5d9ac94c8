"""Wagtail: its admin behind the one sign-in. Pages come here."""
