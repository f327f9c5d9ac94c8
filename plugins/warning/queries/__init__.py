"""Reading: what the pages show."""
