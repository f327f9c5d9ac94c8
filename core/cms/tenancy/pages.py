"""The admin's own pages: what waits for me, help, tags of one's own hospital."""

from typing import Any, ClassVar

from django.conf import settings
from django.contrib import messages
from django.contrib.contenttypes.models import ContentType
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.views.decorators.http import require_http_methods, require_safe
from django.views.i18n import JavaScriptCatalog
from taggit.models import Tag
from wagtail.admin.auth import require_admin_access
from wagtail.models import Page, TaskState, WorkflowState

from core.cms.domain import review as domain
from core.cms.domain.review import is_reviewer
from core.cms.models import BasePage, CmsDocument, CmsImage, ColumnPage, HospitalRoot
from core.cms.tenancy import media
from core.kernel.errors import Problem

#: Rows shown in a panel of the first page, and on the page of what waits.
SHORT, LONG = 8, 100
TAGS = 10
#: Kind of column → model and Chinese name of what is written there.
WRITTEN = {
    "articles": ("articlepage", "文章"),
    "learning": ("learningpage", "学习资料"),
    "brands": ("brandpage", "品牌展示"),
    "rankings": ("rankingpage", "排名公示"),
}


@require_safe
def review(request: HttpRequest) -> HttpResponse:
    """What waits for this person's review, oldest first."""
    return render(request, "cms/admin/review.html", {"waiting": waiting_for_me(request.user)[:LONG]})


@require_safe
def help_page(request: HttpRequest) -> HttpResponse:
    """How to write, submit and review, on one page."""
    return render(request, "cms/admin/help.html", {})


@require_safe
def tags(request: HttpRequest, app_name: str = "", model_name: str = "") -> HttpResponse:
    """Tags that begin with `term` and stand on pictures or files that the person may see."""
    term = request.GET.get("term", "")
    if not term:
        return JsonResponse([], safe=False)
    used = Q()
    for model in (CmsImage, CmsDocument):
        kind = ContentType.objects.get_for_model(model)
        mine = model.objects.values("pk")
        used |= Q(taggit_taggeditem_items__content_type=kind, taggit_taggeditem_items__object_id__in=mine)
    found = Tag.objects.filter(used, name__istartswith=term).distinct().order_by("name")
    return JsonResponse(list(found.values_list("name", flat=True)[:TAGS]), safe=False)


@require_http_methods(["GET", "HEAD", "POST"])
def take_down(request: HttpRequest, pk: int) -> HttpResponse:
    """A reviewer takes a page off the site, with a reason; the text stays as a draft."""
    page = get_object_or_404(Page, pk=pk, live=True).specific
    if (
        not isinstance(page, BasePage)
        or isinstance(page, HospitalRoot)
        or not is_reviewer(request.user, page)
    ):
        raise Http404
    fault = ""
    if request.method == "POST":
        try:
            domain.take_down(page, request.user, request.POST.get("reason", ""))
        except Problem as problem:
            fault = problem.detail
        else:
            messages.success(request, f"“{page.title}”已下线，稿件保留为草稿。")
            return redirect("wagtailadmin_explore", page.get_parent().pk)
    below = page.get_descendants().live().count()
    return render(request, "cms/admin/take_down.html", {"page": page, "below": below, "fault": fault})


def waiting_for_me(user: Any) -> list[dict[str, Any]]:
    """Texts that this person may let out or send back: title, who submitted, since when."""
    states = (
        TaskState.objects.reviewable_by(user)
        .select_related("workflow_state__requested_by", "revision")
        .order_by("started_at")
    )
    return [
        {
            "page": page,
            "title": page.get_admin_display_title(),
            "by": state.workflow_state.requested_by,
            "since": state.started_at,
        }
        for state in states
        if (page := Page.objects.filter(pk=state.workflow_state.object_id).specific().first()) is not None
    ]


def drafts_of(user: Any) -> list[dict[str, Any]]:
    """Texts the person wrote that are not out: where each stands, newest first."""
    pages = (
        Page.objects.filter(has_unpublished_changes=True, latest_revision__user=user)
        .select_related("latest_revision")
        .order_by("-latest_revision_created_at")[:SHORT]
    )
    found = []
    for page in pages.specific():
        state = page.current_workflow_state
        found.append({"page": page, "title": page.get_admin_display_title(), "state": _where(state)})
    return found


def columns_to_write_in() -> list[dict[str, Any]]:
    """The columns of the hospitals in reach, each with the kind of page that is written there, in the tree's order."""
    return [
        {"pk": one.pk, "title": one.title, "kind": WRITTEN[one.kind][1], "model": WRITTEN[one.kind][0]}
        for one in Page.objects.type(ColumnPage).order_by("path").specific()[:LONG]
    ]


def _where(state: WorkflowState | None) -> str:
    if state is None:
        return "草稿"
    return "被退回，请修改" if state.status == WorkflowState.STATUS_NEEDS_CHANGES else "等待审核"


class Words(JavaScriptCatalog):
    """Wagtail's words for its scripts, with ours (site/locale) on top."""

    packages: ClassVar[list[str]] = ["wagtail.admin"]

    def get_paths(self, packages: Any) -> list[str]:
        """Folders of catalogues; the last one wins."""
        return [*super().get_paths(packages), *(str(one) for one in settings.LOCALE_PATHS)]


words = Words.as_view()

urlpatterns = [
    path("review/", review, name="review"),
    path("pages/<int:pk>/take-down/", take_down, name="take_down"),
    path("guide/", help_page, name="help"),
    path("media/renditions/<int:pk>/", media.rendition, name="rendition"),
    path("media/pictures/<int:pk>/", media.original, name="original"),
    path("media/files/<int:pk>/", media.document, name="document"),
]

#: Stand before Wagtail's own views of the same address, under the same names.
narrowed = [
    path("admin/tag-autocomplete/", require_admin_access(tags), name="wagtailadmin_tag_autocomplete"),
    path(
        "admin/tag-autocomplete/<slug:app_name>/<slug:model_name>/",
        require_admin_access(tags),
        name="wagtailadmin_tag_model_autocomplete",
    ),
    path("admin/jsi18n/", words, name="wagtailadmin_javascript_catalog"),
]
