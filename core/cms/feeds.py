"""Feed, sitemap and robots: for strangers, so public pages only, whoever asks."""

from xml.sax.saxutils import escape

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.feedgenerator import Atom1Feed
from django.views.decorators.http import require_safe

from core.cms.domain import readers
from core.cms.domain.sites import site_href
from core.org.models import Hospital
from core.policy.principal import visitor

FEED_ITEMS, SITEMAP_ITEMS = 30, 5000


@require_safe
def feed(request: HttpRequest, hospital: str) -> HttpResponse:
    """The newest public pages as an Atom feed."""
    found = _hospital(hospital)
    rows, _, _ = readers.listed(visitor(found), limit=FEED_ITEMS)
    home = request.build_absolute_uri(site_href(found.slug, ""))
    made = Atom1Feed(
        title=found.name, link=home, description=f"{found.name}公开发布的内容", language="zh-Hans"
    )
    for row in rows:
        made.add_item(
            title=row.title,
            link=request.build_absolute_uri(site_href(found.slug, row.path)),
            description=row.summary,
            unique_id=f"urn:uuid:{row.uid}",
            pubdate=row.published_at,
            updateddate=row.changed_at,
        )
    return _text(made.writeString("utf-8"), "application/atom+xml")


@require_safe
def sitemap(request: HttpRequest, hospital: str) -> HttpResponse:
    """Addresses of all public pages."""
    found = _hospital(hospital)
    rows = readers.visible(visitor(found)).order_by("tree_path")[:SITEMAP_ITEMS]
    parts = [
        f"<url><loc>{escape(request.build_absolute_uri(site_href(found.slug, row.path)))}</loc>"
        f"<lastmod>{row.changed_at.date().isoformat()}</lastmod></url>"
        for row in rows
    ]
    body = (
        '<?xml version="1.0" encoding="utf-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'
        + "".join(parts)
        + "</urlset>\n"
    )
    return _text(body, "application/xml")


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    """Where robots may go: the public pages."""
    lines = ["User-agent: *", "Disallow: /api/", "Disallow: /admin/", "Disallow: /_allauth/", "Allow: /h/"]
    for slug in Hospital.objects.order_by("slug").values_list("slug", flat=True):
        lines.append(f"Sitemap: {request.build_absolute_uri(f'/h/{slug}/sitemap.xml')}")
    return _text("\n".join(lines) + "\n", "text/plain")


def _hospital(slug: str) -> Hospital:
    found = Hospital.objects.filter(slug=slug).first()
    if found is None:
        raise Http404
    return found


def _text(body: str, kind: str) -> HttpResponse:
    made = HttpResponse(body, content_type=f"{kind}; charset=utf-8")
    made.headers["Cache-Control"] = "public, no-cache"
    return made
