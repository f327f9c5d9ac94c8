"""Notices: one service `send`, an in-app box, mail and WeCom, digest, night rest. Text never holds class 3–4 data.

Public: `core.notify.kinds.NoticeKind` / `register_kind`, `core.notify.domain.send` / `resolve`.
"""
