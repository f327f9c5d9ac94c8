"""The list gateway over HTTP, on 100,000 rows."""
