"""allauth's views of second factors with what it leaves open: the lock-out, each code once, no secret in the session."""

from typing import Any

from allauth.account.adapter import get_adapter as account_adapter
from allauth.core import context
from allauth.headless.base.response import APIResponse
from allauth.headless.mfa import inputs, response, views
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth
from django.http import HttpRequest, HttpResponse

from core.accounts.domain import factors, lockout
from core.kernel import qr


class OneGuess:
    """A typed code: refused while the account is locked, counted when wrong, good only once."""

    user: Any
    authenticator: Authenticator
    _emit_authentication_failed: Any

    def clean_code(self) -> str:
        """The code. Raises Django's ValidationError; the fifth wrong one locks."""
        request, name = context.request, self.user.username
        if lockout.locked(request, name, factor=True):
            raise account_adapter().validation_error("too_many_login_attempts")
        code = str(super().clean_code())  # type: ignore[misc]
        if not factors.take_step(self.authenticator, code):
            self._emit_authentication_failed(self.authenticator)
            raise get_adapter().validation_error("incorrect_code")
        lockout.forget_factor(name)
        return code


class AuthenticateInput(OneGuess, inputs.AuthenticateInput):
    """The second step of signing in."""


class ReauthenticateInput(OneGuess, inputs.ReauthenticateInput):
    """The same person again, before a factor is changed."""


class ActivateTOTPInput(inputs.ActivateTOTPInput):
    """The first code of a new phone, against the secret that the session holds sealed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        sealed = str(getattr(self, "secret", ""))
        self.secret: str = factors.opened(self.user, sealed) if self.is_bound else ""

    def clean_code(self) -> str:
        """The code. Raises Django's ValidationError, also where no secret was asked for before."""
        if not self.secret:
            raise get_adapter().validation_error("incorrect_code")
        return str(super().clean_code())


class AuthenticateView(views.AuthenticateView):
    """POST: the second step of signing in by a typed code."""

    input_class = AuthenticateInput


class ReauthenticateView(views.ReauthenticateView):
    """POST: reauthentication by a typed code."""

    input_class = ReauthenticateInput


class ManageTOTPView(views.ManageTOTPView):
    """GET: a new secret with its picture, or what is set up; POST: the first code; DELETE: remove."""

    input_class = {"POST": ActivateTOTPInput}

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """As allauth's; `meta.totp_svg` is the picture to scan."""
        held = self._get_authenticator()
        if held:
            return response.TOTPResponse(request, held)
        secret = auth.generate_totp_secret()
        request.session[auth.SECRET_SESSION_KEY] = factors.pending(request.user, secret)
        url = get_adapter().build_totp_url(request.user, secret)
        meta = {"secret": secret, "totp_url": url, "totp_svg": qr.svg(url)}
        return APIResponse(request, meta=meta, status=404)  # allauth's word for “not yet”
