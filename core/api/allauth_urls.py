"""The few allauth operations in use; the rest of its routes are not mounted."""

from allauth.headless.account import views
from allauth.headless.base.views import ConfigView
from allauth.headless.constants import Client
from django.urls import include, path

app_name = "headless"

_account = [
    path("auth/session", views.SessionView.as_api_view(client=Client.BROWSER), name="current_session"),
    path("auth/login", views.LoginView.as_api_view(client=Client.BROWSER), name="login"),
    path(
        "account/password/change",
        views.ChangePasswordView.as_api_view(client=Client.BROWSER),
        name="change_password",
    ),
]
_browser = [
    path("config", ConfigView.as_api_view(client=Client.BROWSER), name="config"),
    path("", include((_account, "headless"), namespace="account")),
]
urlpatterns = [path("browser/v1/", include((_browser, "headless"), namespace="browser"))]
