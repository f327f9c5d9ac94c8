"""One internal page with a picture and a file, and a preview, for the walk through the operations."""

from typing import Any

from django.core.files.base import ContentFile

from core.cms.domain import ensure_site
from core.cms.domain.previews import keep
from core.cms.models import ArticlePage, CmsDocument, CmsImage, ColumnPage
from core.kernel.context import Actor, acting
from core.testing.pictures import draw
from core.testing.world import World

BY = Actor.system("test")


def make_page(world: World) -> dict[str, str]:
    """Uids by the operation's first words; `token` opens the preview."""
    with acting(BY):
        root = ensure_site(world.hospital(), BY)
        column: Any = ColumnPage(title="院内栏目", slug="inside", audience="internal", live=False)
        root.add_child(instance=column)
        column.save_revision().publish()
        image = CmsImage.objects.create(
            title="图",
            description="图",
            collection=root.collection,
            file=ContentFile(draw("arc"), "tu.jpg"),
        )
        document = CmsDocument.objects.create(
            title="文件", collection=root.collection, file=ContentFile(b"text", "wen-jian.txt")
        )
        page = ArticlePage(
            title="院内文章",
            slug="one",
            audience="internal",
            cover=image,
            live=False,
            body=[("file", {"document": document, "name": ""})],
        )
        ColumnPage.objects.get(pk=column.pk).add_child(instance=page)
        page.save_revision().publish()
    token = keep(page, world.user("editor"), world.hospital(), parent_id=column.pk)
    return {
        "cms/pages": str(page.uid),
        "cms/renditions": str(image.uid),
        "cms/documents": str(document.uid),
        "token": token,
    }
