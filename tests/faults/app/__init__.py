"""A small app whose jobs write a row and call a receiver, for the kill suites."""
