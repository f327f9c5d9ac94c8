"""Pictures and documents of pages. Their hospital follows from the collection; who may fetch them from `MediaUse`."""

from django.core.exceptions import ValidationError
from django.db import models
from django.urls import reverse
from wagtail.documents.models import AbstractDocument
from wagtail.images.models import AbstractImage, AbstractRendition

from core.kernel.ids import new_uid


class CmsImage(AbstractImage):
    """A picture: the words that stand for it (替代文字) are required, so that nobody is left out."""

    uid = models.UUIDField("编号", default=new_uid, unique=True, editable=False)
    description = models.CharField(
        "替代文字", max_length=255, help_text="给看不到图片的人读的一句话：图上是什么。"
    )

    admin_form_fields = (
        "title",
        "file",
        "description",
        "collection",
        "tags",
        "focal_point_x",
        "focal_point_y",
        "focal_point_width",
        "focal_point_height",
    )

    class Meta(AbstractImage.Meta):
        verbose_name = verbose_name_plural = "图片"
        permissions = [("choose_image", "可以选用图片")]


class CmsRendition(AbstractRendition):
    """A picture in one of the sizes of a closed list."""

    image = models.ForeignKey(CmsImage, related_name="renditions", on_delete=models.CASCADE)

    class Meta:
        verbose_name = verbose_name_plural = "图片尺寸"
        unique_together = (("image", "filter_spec", "focal_point_key"),)

    @property
    def url(self) -> str:
        """Where the editors' screens find it; readers get addresses of the API (`core.cms.domain.media`)."""
        return reverse("qinglian_admin:rendition", args=[self.pk])


class CmsDocument(AbstractDocument):
    """A file to download: a closed list of kinds, checked by content when it is uploaded."""

    uid = models.UUIDField("编号", default=new_uid, unique=True, editable=False)

    admin_form_fields = ("title", "file", "collection", "tags")

    class Meta(AbstractDocument.Meta):
        verbose_name = verbose_name_plural = "文件"
        permissions = [("choose_document", "可以选用文件")]

    def clean(self) -> None:
        """Raises ValidationError for a file that may not be uploaded."""
        super().clean()
        from core.cms.uploads import check_document

        if self.file:
            try:
                check_document(self.file.name, self.file.file, self.file.size)
            except ValidationError as error:
                raise ValidationError({"file": error.messages}) from None

    @property
    def url(self) -> str:
        """Where the editors' screens find it."""
        return reverse("qinglian_admin:document", args=[self.pk])
