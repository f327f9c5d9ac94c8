"""Wagtail's admin for busy people: five menu entries, a first page with what to do, nothing that leads out of the house."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import include, path, reverse
from django.utils.functional import lazy
from django.utils.html import format_html
from wagtail import hooks
from wagtail.admin.menu import MenuItem
from wagtail.admin.ui.components import Component
from wagtail.admin.views.home import UserObjectsInWorkflowModerationPanel, WorkflowObjectsToModeratePanel
from wagtail.admin.widgets.button import Button

from core.cms.domain.review import is_reviewer
from core.cms.tenancy import pages

#: Menu entries of editors and reviewers; the system administrator has Wagtail's whole menu.
MENU = {"explorer", "images", "documents", "review", "guide", "site"}
#: Panels of Wagtail's first page that stay.
PANELS = (WorkflowObjectsToModeratePanel, UserObjectsInWorkflowModerationPanel)

#: Where a hospital's root page stands in Wagtail's tree.
HOSPITAL_DEPTH = 2

_to = lazy(reverse, str)


class Welcome(Component):
    """Two or three things to do: write, go on writing, review."""

    name = "welcome"
    template_name = "cms/admin/welcome.html"
    order = 10

    def get_context_data(self, parent_context: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Drafts of this person, and what waits for them."""
        request = (parent_context or {})["request"]
        return {
            "columns": pages.columns_to_write_in(),
            "drafts": pages.drafts_of(request.user),
            "waiting": pages.waiting_for_me(request.user)[: pages.SHORT],
            "may_write": _may_write(request),
            "may_review": _may_review(request),
        }


@hooks.register("register_admin_urls")
def urls() -> list[Any]:
    """The admin's own pages."""
    return [path("", include((pages.urlpatterns, "qinglian_admin"), namespace="qinglian_admin"))]


@hooks.register("register_admin_menu_item")
def review_entry() -> MenuItem:
    """待我审核."""
    return MenuItem("待我审核", _to("qinglian_admin:review"), name="review", icon_name="check", order=500)


@hooks.register("register_admin_menu_item")
def guide_entry() -> MenuItem:
    """帮助."""
    return MenuItem("帮助", _to("qinglian_admin:help"), name="guide", icon_name="help", order=9500)


@hooks.register("register_admin_menu_item")
def site_entry() -> MenuItem:
    """The way back; the bare "/" would be marked as the page one is on, everywhere."""
    return MenuItem("回到网站", "/?", name="site", icon_name="home", order=20000)


@hooks.register("register_page_header_buttons")
@hooks.register("register_page_listing_more_buttons")
def take_down_button(
    page: Any, user: Any, view_name: str = "", next_url: str | None = None
) -> Iterator[Button]:
    """下线, for reviewers: nobody has Wagtail's right to publish and unpublish."""
    if page.live and page.depth > HOSPITAL_DEPTH and is_reviewer(user, page):
        yield Button(
            "下线", reverse("qinglian_admin:take_down", args=[page.pk]), icon_name="download", priority=60
        )


@hooks.register("construct_main_menu")
def short_menu(request: HttpRequest, items: list[MenuItem]) -> None:
    """Editors and reviewers see what they need; reviewing is offered to reviewers."""
    if request.user.is_superuser:
        items[:] = [item for item in items if item.name not in {"review", "help"}]
        return
    hidden = set() if _may_review(request) else {"review"}
    if not _may_write(request):
        hidden |= {"images", "documents"}
    items[:] = [item for item in items if item.name in MENU - hidden]


@hooks.register("construct_homepage_panels")
def first_page(request: HttpRequest, panels: list[Any]) -> None:
    """Our welcome first; of Wagtail's panels those on reviews, once there is something in them."""
    kept = [panel for panel in panels if request.user.is_superuser or isinstance(panel, PANELS)]
    panels[:] = [Welcome(), *kept]


@hooks.register("construct_homepage_summary_items")
def no_figures(request: HttpRequest, items: list[Any]) -> None:
    """Counts of everything help nobody to write."""
    items.clear()


@hooks.register("insert_global_admin_css")
def style() -> str:
    """House colours."""
    return format_html('<link rel="stylesheet" href="{}">', static("qinglian/admin.css"))


@hooks.register("insert_global_admin_js")
def script() -> str:
    """Starts date fields and choosers."""
    return format_html('<script src="{}"></script>', static("qinglian/admin.js"))


def _roles(request: HttpRequest) -> frozenset[str]:
    reach = getattr(request, "reach", None)
    return reach.roles if reach is not None else frozenset({"editor", "reviewer"})


def _may_write(request: HttpRequest) -> bool:
    return "editor" in _roles(request)


def _may_review(request: HttpRequest) -> bool:
    return "reviewer" in _roles(request)
