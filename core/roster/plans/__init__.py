"""One plan for each kind of list: what the rows of a file would change."""
