"""The few allauth operations in use; the rest of its routes are not mounted."""

from allauth.headless.account import views
from allauth.headless.base.views import ConfigView
from allauth.headless.constants import Client
from allauth.headless.mfa import views as mfa
from django.urls import URLPattern, include, path

from core.api import factors

app_name = "headless"


def _at(route: str, view: type, name: str) -> URLPattern:
    return path(route, view.as_api_view(client=Client.BROWSER), name=name)  # type: ignore[attr-defined]


_account = [
    _at("auth/session", views.SessionView, "current_session"),
    _at("auth/login", views.LoginView, "login"),
    _at("auth/reauthenticate", views.ReauthenticateView, "reauthenticate"),
    _at("account/password/change", views.ChangePasswordView, "change_password"),
]
_mfa = [
    _at("auth/2fa/authenticate", factors.AuthenticateView, "authenticate"),
    _at("auth/2fa/reauthenticate", factors.ReauthenticateView, "reauthenticate"),
    _at("auth/webauthn/authenticate", mfa.AuthenticateWebAuthnView, "authenticate_webauthn"),
    _at("auth/webauthn/reauthenticate", mfa.ReauthenticateWebAuthnView, "reauthenticate_webauthn"),
    _at("auth/webauthn/login", mfa.LoginWebAuthnView, "login_webauthn"),
    _at("account/authenticators", mfa.AuthenticatorsView, "authenticators"),
    _at("account/authenticators/totp", factors.ManageTOTPView, "manage_totp"),
    _at("account/authenticators/webauthn", mfa.ManageWebAuthnView, "manage_webauthn"),
    _at("account/authenticators/recovery-codes", mfa.ManageRecoveryCodesView, "manage_recovery_codes"),
]
_browser = [
    path("config", ConfigView.as_api_view(client=Client.BROWSER), name="config"),
    path("", include((_account, "headless"), namespace="account")),
    path("", include((_mfa, "headless"), namespace="mfa")),
]
urlpatterns = [path("browser/v1/", include((_browser, "headless"), namespace="browser"))]
