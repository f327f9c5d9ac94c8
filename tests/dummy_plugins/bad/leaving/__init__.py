"""A plugin for tests only."""
