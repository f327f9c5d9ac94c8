"""The joint: one protocol for everything that can be listed, opened, changed, exported and counted.

`registry.register(spec, source)` makes a resource; `gateway` is the only caller of sources.
"""
