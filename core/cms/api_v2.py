"""Wagtail's own API v2, for existing clients: public pages only, and only where the operator switches it on."""

from django.db.models import QuerySet
from wagtail.api.v2.router import WagtailAPIRouter
from wagtail.api.v2.views import PagesAPIViewSet
from wagtail.models import Page

from core.cms.domain.readers import public_everywhere


class PublicPages(PagesAPIViewSet):
    """Pages that anybody may read, of all hospitals; what is not out or not public does not exist here."""

    def get_base_queryset(self) -> QuerySet[Page]:
        """Public pages; Wagtail narrows by type and fields from here."""
        return Page.objects.filter(pk__in=public_everywhere().values("page_id")).live()


router = WagtailAPIRouter("wagtailapi")
router.register_endpoint("pages", PublicPages)
