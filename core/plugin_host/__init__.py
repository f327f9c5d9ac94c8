"""Plugins: manifests read without importing, activation per hospital, gates, hooks each in its own try."""
