"""Rule engine: planted cases found, cost beside hand-written SQL, figures recomputed in pandas."""
