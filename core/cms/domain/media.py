"""Pictures and files as they are handed out: a closed list of sizes, addresses, what a card needs of a cover."""

from typing import Any

from wagtail.images.exceptions import InvalidFilterSpecError

from core.cms.models import CmsImage, CmsRendition
from core.kernel.errors import NotFound

#: Name in addresses → Wagtail's filter.
SPECS = {
    "card": "width-640",
    "phone": "width-780",
    "wide": "width-1600",
}
WIDTHS = {"card": 640, "phone": 780, "wide": 1600}


def rendition(image: CmsImage, name: str) -> CmsRendition:
    """The picture in a size of the closed list. Raises NotFound for another size or a picture that cannot be read."""
    spec = SPECS.get(name)
    if spec is None:
        raise NotFound()
    try:
        return image.get_rendition(spec)
    except (InvalidFilterSpecError, OSError, ValueError) as error:
        raise NotFound() from error


def picture_url(slug: str, uid: Any, name: str, token: str = "") -> str:
    """The address of a picture in a size."""
    return f"/api/v1/h/{slug}/cms/renditions/{uid}/{name}" + (f"?token={token}" if token else "")


def document_url(slug: str, uid: Any, token: str = "") -> str:
    """The address of a file."""
    return f"/api/v1/h/{slug}/cms/documents/{uid}" + (f"?token={token}" if token else "")


def picture_out(found: dict[str, Any] | None, slug: str, name: str, token: str = "") -> dict[str, Any] | None:
    """A cover or picture with the width and height it will have; `found` has uid, alt, width, height."""
    if found is None:
        return None
    width = min(WIDTHS[name], found["width"])
    height = max(1, round(found["height"] * width / max(1, found["width"])))
    return {
        "url": picture_url(slug, found["uid"], name, token),
        "alt": found["alt"],
        "width": width,
        "height": height,
    }
