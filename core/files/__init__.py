"""Stored files: content-addressed, class by class, handed out only through policy."""
