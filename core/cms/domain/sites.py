"""The place of one hospital in the page tree, and addresses of pages on the real site."""

from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.http import HttpResponse, HttpResponseRedirect
from wagtail.models import Collection, Page, Site, Workflow, WorkflowPage, WorkflowTask

from core.cms.models import HospitalRoot, SecondPersonTask
from core.cms.models.pages import PUBLIC
from core.kernel.context import Actor, acting, hospital_scope
from core.org.models import Hospital

#: Length of the path of a hospital's root page: Wagtail's root is one step, the hospital's the second.
ROOT_PATH = 2 * Page.steplen
WORKFLOW, TASK = "第二人审核后发布", "第二人审核"


def ensure_site(hospital: Hospital, by: Actor) -> HospitalRoot:
    """The hospital's root page; made with its Wagtail site, folder of files and review where they are missing."""
    found = HospitalRoot.objects.filter(hospital=hospital).first()
    if found is not None:
        return found
    from core.cms.domain.project import refresh

    with acting(by), hospital_scope(hospital):
        Hospital.objects.select_for_update().order_by("id").first()  # two at once: the second waits here
        found = HospitalRoot.objects.filter(hospital=hospital).first()
        if found is not None:
            return found
        _remove_welcome()
        folder = Collection.get_first_root_node().add_child(name=hospital.name)
        root: HospitalRoot = Page.get_first_root_node().add_child(
            instance=HospitalRoot(
                title=hospital.name,
                draft_title=hospital.name,
                slug=hospital.slug,
                hospital=hospital,
                collection=folder,
                audience=PUBLIC,
            )
        )
        Site.objects.create(
            hostname=f"{hospital.slug}.qinglian.internal", root_page=root, site_name=hospital.name
        )
        WorkflowPage.objects.create(page=root, workflow=_workflow())
        refresh(root)
    return root


def root_of(page: Page) -> HospitalRoot | None:
    """The root page of the hospital that a page belongs to; None outside all hospitals."""
    return HospitalRoot.objects.select_related("hospital").filter(path=page.path[:ROOT_PATH]).first()


def hospital_of(page: Page) -> Hospital | None:
    """The hospital that a page belongs to; None outside all hospitals."""
    root = root_of(page)
    return root.hospital if root else None


def site_href(slug: str, path: str) -> str:
    """The address of a page on the site."""
    return f"/h/{slug}/c/{path}" if path else f"/h/{slug}/"


def url_parts(page: Any) -> tuple[int, str, str] | None:
    """Wagtail's (site id, host, path) of a page, percent-encoded: all hospitals stand on one host."""
    steps = page.url_path.strip("/").split("/")
    if page.depth < 2 or not steps[0]:
        return None
    return (0, settings.WAGTAILADMIN_BASE_URL, quote(site_href(steps[0], "/".join(steps[1:]))))


def to_site(page: Any) -> HttpResponse:
    """A redirect to the page on the site."""
    steps = page.url_path.strip("/").split("/")
    return HttpResponseRedirect(site_href(steps[0], "/".join(steps[1:])))


def _workflow() -> Workflow:
    """One review for all hospitals: who may review follows from posts in the page's own hospital."""
    workflow, made = Workflow.objects.get_or_create(name=WORKFLOW)
    if made:
        task = SecondPersonTask.objects.create(name=TASK)
        WorkflowTask.objects.create(workflow=workflow, task=task, sort_order=0)
    return workflow


def _remove_welcome() -> None:
    """Wagtail's migrations leave an English page and a site that nobody asked for."""
    plain = ContentType.objects.get_for_model(Page)
    for page in Page.objects.filter(depth=2, slug="home", content_type=plain, numchild=0):
        Site.objects.filter(root_page=page).delete()
        page.delete()
