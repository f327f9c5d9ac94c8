"""Must never be imported: the manifest is not sound."""

raise RuntimeError("the broken plugin was imported")
