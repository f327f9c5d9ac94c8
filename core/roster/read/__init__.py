"""Files and JSON rows as cells with their places."""
