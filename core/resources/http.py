"""The gateway over HTTP. The API room mounts this under /h/{hospital}, which sets `request.principal`."""

from typing import Any
from urllib.parse import unquote

from django.http import HttpRequest
from ninja import Body, Field, Header, Path, Query, Router, Schema

from core.resources import gateway

router = Router(tags=["resources"])


class CommandIn(Schema):
    """A verb on a row or on the list."""

    uid: str | None = Field(None, max_length=80)
    expected_version: int | None = Field(None, ge=0, le=2**31)
    values: dict[str, Any] = {}
    files: list[str] = Field(default=[], max_length=100)


class ExportIn(Schema):
    """What of the list to export."""

    where: dict[str, Any] | str | None = None
    q: str = ""
    order: str = ""
    purpose: str = Field("", max_length=40)
    purpose_text: str = Field("", max_length=2000)


@router.get("/resources/{key}", operation_id="resource_spec", response=dict[str, Any])
def spec(request: HttpRequest, hospital: Path[str], key: str) -> dict[str, Any]:
    """The declaration of a resource."""
    return gateway.spec(request.principal, key)  # type: ignore[attr-defined]


@router.get("/resources/{key}/rows", operation_id="resource_rows", response=dict[str, Any])
def rows(
    request: HttpRequest,
    hospital: Path[str],
    key: str,
    where: str = "",
    q: str = "",
    order: str = "",
    after: str = Query("", max_length=4000),
    limit: int | None = Query(None, ge=-(2**31), le=2**31),
    reason: str = Header("", alias="X-Read-Reason", max_length=3000),
) -> dict[str, Any]:
    """One page of rows."""
    return gateway.rows(
        request.principal,
        key,
        where=where,
        q=q,
        order=order,
        after=after or None,
        limit=limit,
        reason=unquote(reason),  # type: ignore[attr-defined]
    )


@router.get("/resources/{key}/rows/{uid}", operation_id="resource_row", response=dict[str, Any])
def row(
    request: HttpRequest,
    hospital: Path[str],
    key: str,
    uid: str,
    reason: str = Header("", alias="X-Read-Reason", max_length=3000),
) -> dict[str, Any]:
    """One row with its panels and actions. Secret data wants the reason, percent-encoded, in X-Read-Reason."""
    return gateway.row(request.principal, key, uid, reason=unquote(reason))  # type: ignore[attr-defined]


@router.post("/resources/{key}/commands/{verb}", operation_id="resource_command", response=dict[str, Any])
def command(
    request: HttpRequest,
    hospital: Path[str],
    key: str,
    verb: str,
    asked: CommandIn = Body(...),
    idempotency_key: str | None = Header(None, alias="Idempotency-Key"),
) -> dict[str, Any]:
    """Do a verb. The same Idempotency-Key gives the first answer again."""
    return gateway.command(
        request.principal,  # type: ignore[attr-defined]
        key,
        verb,
        uid=asked.uid,
        expected_version=asked.expected_version,
        values=asked.values,
        idempotency_key=idempotency_key,
        files=asked.files,
    )


@router.post("/resources/{key}/export", operation_id="resource_export", response=dict[str, Any])
def export(
    request: HttpRequest,
    hospital: Path[str],
    key: str,
    asked: ExportIn = Body(...),
    idempotency_key: str | None = Header(None, alias="Idempotency-Key"),
) -> dict[str, Any]:
    """Ask for the list as an Excel file: {job}, or {request} where a second person must agree first."""
    return gateway.export(
        request.principal,
        key,
        where=asked.where,
        q=asked.q,
        order=asked.order,
        purpose=asked.purpose,
        purpose_text=asked.purpose_text,
        idempotency_key=idempotency_key,  # type: ignore[attr-defined]
    )
