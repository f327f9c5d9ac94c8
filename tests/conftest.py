"""Shared by all tests. The early part (settings, sockets, strictness, browser) is tests/support/plugin.py."""
