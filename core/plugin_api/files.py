"""Files for plugins: hang what a person uploaded on the thing that the command is about."""

from uuid import UUID

from core.files import domain as files
from core.kernel.errors import FieldError, Invalid, Problem
from core.policy.principal import Principal


def attach(uids: tuple[str, ...], *, owner_type: str, owner_uid: UUID, by: Principal) -> list[dict[str, str]]:
    """Claim the person's own uploads for a thing; [{uid, name, href}]. Raises Invalid for any other file."""
    assert by.hospital is not None
    found: list[dict[str, str]] = []
    for uid in uids:
        try:
            kept = files.get(uid, hospital=by.hospital)
        except Problem:
            kept = None
        if kept is None or kept.owner_type != "org.user" or str(kept.owner_uid) != by.user_uid:
            error = FieldError(pointer="/files", message="附件没有找到。", cure="请重新选择文件后再提交。")
            raise Invalid("附件没有找到，请重新选择。", [error])
        files.claim(kept, owner_type=owner_type, owner_uid=owner_uid, by=by.actor)
        href = f"/api/v1/h/{by.hospital.slug}/files/{kept.uid}/content"
        found.append({"uid": str(kept.uid), "name": kept.name, "href": href})
    return found


def keep(data: bytes, *, name: str, by: Principal) -> str:
    """Keep bytes as that person's own upload, to be attached by a command; its uid."""
    made = files.store_bytes(
        data,
        name=name,
        hospital=by.hospital,
        by=by.actor,
        owner_type="org.user",
        owner_uid=UUID(by.user_uid),
        data_class=3,
    )
    return str(made.uid)
