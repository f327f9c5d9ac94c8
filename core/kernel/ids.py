"""Identifiers shown outside: time-ordered for records, random where the order would tell something."""

import uuid

import uuid_utils


def new_uid() -> uuid.UUID:
    """A UUIDv7: records sort by it as they were made. It carries the time, so never for ballots or anonymous reports."""
    return uuid.UUID(bytes=uuid_utils.uuid7().bytes)


def random_uid() -> uuid.UUID:
    """A UUIDv4, which tells nothing about when it was made."""
    return uuid.uuid4()
