"""Backup and restore: one encrypted archive of database, month files, stored files, pictures and the head of the log.

Public: `core.keeping.make.make`, `core.keeping.restore.restore`, `core.keeping.shelf`, `core.keeping.sealed_keys`.
"""
