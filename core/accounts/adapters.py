"""allauth's second factor as this product wants it: secrets sealed, sentences in Chinese, names of the product."""

from typing import Any

from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter

from core.accounts.domain import factors

ISSUER = "清廉"


class MFAAdapter(DefaultMFAAdapter):
    """Named by the setting MFA_ADAPTER."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "cannot_delete_authenticator": "不能停用两步登录。",
        "cannot_generate_recovery_codes": "请先设置手机动态码或通行密钥，再生成恢复码。",
        "incorrect_code": "验证码不正确。请核对手机的时间是否准确，等出现新的验证码后再试。",
        "unverified_email": "现在不能设置两步登录，请联系管理员。",
    }

    def get_totp_issuer(self) -> str:
        """What the phone shows above the code."""
        return ISSUER

    def encrypt(self, text: str) -> str:
        """A reference to the sealed secret."""
        return factors.hide(text)

    def decrypt(self, encrypted_text: str) -> str:
        """The secret behind a reference."""
        return factors.reveal(encrypted_text)

    def generate_authenticator_name(self, user: Any, type: Any) -> str:
        """The name of a passkey that was given none: the device it was made on."""
        from core.accounts.domain import agents

        return agents.label(context.request.META.get("HTTP_USER_AGENT", ""))

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """The site as the browser's own dialog names it."""
        return super().get_public_key_credential_rp_entity() | {"name": ISSUER}

    def send_notification_mail(self, *args: Any, **kwargs: Any) -> None:
        """No mail leaves a hospital's network by itself."""
