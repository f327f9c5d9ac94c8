"""Mail through Django's backend: one message a person, plain text, a Message-ID that a repetition repeats."""

import smtplib
from collections.abc import Callable
from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage, get_connection

from core.notify.channels import SENT, Message, Outcome

#: Seconds until the next try, when the server is not there.
WAIT = 60


class Mailer:
    """One connection for many messages; opened at the first, opened again after it broke."""

    def __init__(self) -> None:
        self._connection: Any = None

    def send(self, message: Message, address: str, *, mark: str, hospital: str) -> Outcome:
        """One mail. `mark` is the same on every try of the same delivery and becomes the Message-ID."""
        if "@" not in parseaddr(address)[1] or not address.isprintable():
            return Outcome(False, "mail_address", "邮箱地址的格式不对，请核对这位职工的邮箱。")
        mail = EmailMessage(
            subject=f"【{hospital}】{message.title}",
            body="\n\n".join(part for part in (message.text, message.url, FOOT) if part),
            from_email=settings.DEFAULT_FROM_EMAIL,
            to=[address],
            headers={
                "Message-ID": f"<{mark}@{_domain()}>",
                "Auto-Submitted": "auto-generated",
            },
        )
        try:
            connection = self._open()
            mail.connection = connection
            mail.send()
        except Exception as error:
            if not isinstance(error, smtplib.SMTPRecipientsRefused | smtplib.SMTPSenderRefused):
                self.close()
            return _why(error)
        return SENT

    def close(self) -> None:
        """Say good-bye to the server."""
        if self._connection is not None:
            try:
                self._connection.close()
            except (OSError, smtplib.SMTPException):
                pass
            self._connection = None

    def _open(self) -> Any:
        if self._connection is None:
            self._connection = get_connection(timeout=10)
            self._connection.open()
        return self._connection


FOOT = "这封邮件由清廉平台自动发出，请不要回复。在“我的账号”里可以选择哪些消息发到邮箱。"


def _domain() -> str:
    return parseaddr(settings.DEFAULT_FROM_EMAIL)[1].partition("@")[2] or "qinglian.invalid"


def _why(error: Exception) -> Outcome:
    """Our own words for what the server said: 4xx is tried again, 5xx is not (RFC 5321 §4.2.1)."""
    known: list[tuple[type[Exception], Callable[[Any], int | None], str, str]] = [
        (
            smtplib.SMTPAuthenticationError,
            lambda e: e.smtp_code,
            "mail_login",
            "邮件服务器拒绝登录，请系统管理员核对邮件账号与口令。",
        ),
        (
            smtplib.SMTPRecipientsRefused,
            _recipient_code,
            "mail_recipient",
            "邮件服务器不接受这个邮箱，请核对这位职工的邮箱。",
        ),
        (
            smtplib.SMTPSenderRefused,
            lambda e: e.smtp_code,
            "mail_sender",
            "邮件服务器不接受发件人，请系统管理员核对发件地址。",
        ),
        (smtplib.SMTPDataError, lambda e: e.smtp_code, "mail_data", "邮件服务器没有收下这封邮件。"),
        (smtplib.SMTPResponseException, lambda e: e.smtp_code, "mail_server", "邮件服务器没有收下这封邮件。"),
    ]
    for kind, code_of, name, reason in known:
        if isinstance(error, kind):
            code = code_of(error)
            return Outcome(False, f"{name}_{code}", reason, WAIT if code and 400 <= code < 500 else 0)
    if isinstance(error, OSError | smtplib.SMTPException):  # refused, reset, timed out, not speaking SMTP
        return Outcome(False, "mail_unreachable", "邮件服务器连接不上，稍后会再试。", WAIT)
    raise error


def _recipient_code(error: smtplib.SMTPRecipientsRefused) -> int | None:
    return next((code for code, _ in error.recipients.values()), None)
