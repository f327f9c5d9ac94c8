"""The operator's view: is every part well, in plain Chinese, with the next step; as page, JSON and metrics.

Public: `core.status.registry.register_part`, `core.status.board.board`.
"""
