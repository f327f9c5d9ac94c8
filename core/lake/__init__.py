"""The lake: imports into immutable month files, and the one way to read them back."""
