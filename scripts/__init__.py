"""What the Makefile calls. `up` and `down` need only Python's standard library until `.venv` stands."""
