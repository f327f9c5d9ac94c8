"""Every route of the platform. Gates stand before Wagtail's own sign-in views."""

from django.urls import include, path, re_path
from wagtail.admin import urls as wagtailadmin_urls

from core.api import shell, signin
from core.api.root import api, mount, unknown

mount()

urlpatterns = [
    path("health", shell.health, name="health"),
    path("api/v1/", api.urls),
    re_path(r"^api/(?P<rest>.*)$", unknown),
    path("_allauth/", include("core.api.allauth_urls")),
    path("admin/gate/", signin.admin_gate, name="admin_gate"),
    path("admin/login/", signin.admin_gate),
    path("admin/password_reset/", signin.admin_gate),
    re_path(r"^admin/password_reset/.*$", signin.admin_gate),
    path("_util/login/", signin.admin_gate),
    path("admin/failwhale/", signin.admin_gate),  # Wagtail's pages that fail on purpose
    path("admin/test404/", signin.admin_gate),
    path("admin/", include(wagtailadmin_urls)),
    re_path(r"^(?!api/|admin/|static/|_allauth/|_util/|health).*$", shell.page, name="site"),
]
