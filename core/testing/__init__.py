"""Worlds for tests, the demonstration and properties: factories, the `World` builder, generated prescribing data."""
