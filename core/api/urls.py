"""Every route of the platform. Gates stand before Wagtail's own sign-in views."""

from django.conf import settings
from django.urls import include, path, re_path
from django.utils.module_loading import import_string
from wagtail.admin import urls as wagtailadmin_urls

from core.api import shell, signin
from core.api.root import api, mount, unknown
from core.cms import feeds
from core.cms.tenancy.pages import narrowed
from core.status import http as status_http

mount()

handler500 = "core.api.outage.server_error"

urlpatterns = [
    path("health", shell.health, name="health"),
    path("metrics", status_http.metrics, name="metrics"),
    path("api/v1/", api.urls),
    *([path("api/v2/", import_string("core.cms.api_v2.router").urls)] if settings.WAGTAIL_API else []),
    re_path(r"^api/(?P<rest>.*)$", unknown),
    path("_allauth/", include("core.api.allauth_urls")),
    path("admin/gate/", signin.admin_gate, name="admin_gate"),
    path("admin/login/", signin.admin_gate),
    path("admin/password_reset/", signin.admin_gate),
    re_path(r"^admin/password_reset/.*$", signin.admin_gate),
    path("_util/login/", signin.admin_gate),
    path("admin/failwhale/", signin.admin_gate),  # Wagtail's pages that fail on purpose
    path("admin/test404/", signin.admin_gate),
    *narrowed,
    path("admin/", include(wagtailadmin_urls)),
    path("robots.txt", feeds.robots, name="robots"),
    path("h/<slug:hospital>/feed.xml", feeds.feed, name="feed"),
    path("h/<slug:hospital>/sitemap.xml", feeds.sitemap, name="sitemap"),
    path("h/<slug:hospital>/preview/<str:token>", shell.preview, name="preview"),
    re_path(r"^(?!api/|admin/|static/|_allauth/|_util/|health).*$", shell.page, name="site"),
]
