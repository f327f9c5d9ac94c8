"""Who asks over HTTP: a session with CSRF check; hospital and principal come from the path."""

from typing import Any

from django.http import HttpRequest
from ninja.security import SessionAuth

from core.kernel.context import enter_hospital
from core.kernel.errors import NotFound, Problem
from core.org.models import Hospital
from core.policy.activation import is_enabled
from core.policy.principal import Principal, principal_for


class SignedIn(SessionAuth):
    """A signed-in account; unsafe methods need the CSRF token."""

    def authenticate(self, request: HttpRequest, key: str | None) -> Any | None:
        """The user, or None (401)."""
        return request.user if request.user.is_authenticated and request.user.is_active else None


class InHospital(SignedIn):
    """A signed-in account with a post in the hospital of the path; sets `request.hospital` and `request.principal`.

    Without a post the hospital answers as if it did not exist.
    """

    def authenticate(self, request: HttpRequest, key: str | None) -> Principal | None:
        """The principal, or None (401). Raises the 404 problem for another hospital."""
        if super().authenticate(request, key) is None:
            return None
        slug = request.resolver_match.kwargs["hospital"]  # type: ignore[union-attr]
        hospital = Hospital.objects.filter(slug=slug).first()
        principal = principal_for(request.user, hospital) if hospital else None
        if hospital is None or principal is None:
            raise NotFound()
        request.hospital = hospital  # type: ignore[attr-defined]
        request.principal = principal  # type: ignore[attr-defined]
        enter_hospital(hospital)
        return principal


class InPlugin(InHospital):
    """As `InHospital`, and the plugin is enabled there; else the address does not exist."""

    def __init__(self, plugin: str) -> None:
        super().__init__()
        self.plugin = plugin

    def authenticate(self, request: HttpRequest, key: str | None) -> Principal | None:
        """The principal, or None (401). Raises the 404 problem where the plugin is not enabled."""
        principal = super().authenticate(request, key)
        if principal is not None and not is_enabled(self.plugin, principal.hospital_id):
            raise NotFound()
        return principal


SIGN_IN = Problem("sign_in_required", "请先登录。", 401)
