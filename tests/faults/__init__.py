"""Suites that kill: what a fault leaves behind."""
