"""A whole hospital brought in by lists."""
