"""What the gateway calls of the rooms below, found on first use."""

from typing import Any

from core.kernel.context import HospitalRef


def record(
    kind: str, subject_type: str, subject_uid: str | None, data: dict[str, Any], hospital: HospitalRef
) -> None:
    """A business event in the sealed log, in the command's transaction."""
    from core.audit import events

    events.record(kind, subject_type, subject_uid, data, hospital=hospital)


def read_event(principal: Any, subject_type: str, uid: str, reason: str, **facts: Any) -> None:
    """Somebody is about to be shown sensitive data: one autocommit INSERT before the answer."""
    from core.audit import events

    events.read_event(principal, subject_type, uid, reason, **facts)


def emit(kind: str, data: dict[str, Any], hospital: HospitalRef) -> None:
    """Tell subscribers after the commit."""
    from core.jobs import domain

    domain.emit(kind, data, hospital=hospital)


def touch(key: str, uid: str | None, hospital: HospitalRef) -> None:
    """The thing may have to be found under other words, or no more."""
    from core.resources import searchable

    searchable.touch(key, [uid] if uid else [], hospital=hospital)


def submit(kind: str, params: dict[str, Any], by: Any, hospital: HospitalRef, key: str | None) -> str:
    """A job in the caller's transaction; its uid."""
    from core.jobs import domain

    return str(domain.submit(kind, params, by=by, hospital=hospital, idempotency_key=key).uid)
