"""Frozen tables for disclosure: rankings, evidence, exports stand on a Snapshot."""
