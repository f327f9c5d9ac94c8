"""Settings in three forms: embedded (default), production, test. Values come from the environment, checked in `values`."""
