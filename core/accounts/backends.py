"""The account backend of sign-in: allauth's, except that a request reads account, device and standing in one query."""

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend

from core.accounts.domain import devices


class SignIn(AuthenticationBackend):  # type: ignore[misc]
    """Allauth's backend; the session's account comes with its device (core.accounts.domain.devices)."""

    def get_user(self, user_id: Any) -> Any:
        """The active account of this id or None, as Django's `ModelBackend.get_user`."""
        user = devices.account(user_id)
        return user if user is not None and self.user_can_authenticate(user) else None
