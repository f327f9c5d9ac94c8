"""The rule on the length of passwords, said in Chinese: Django's own sentence has no Chinese text in 5.2."""

from typing import Any

from django.contrib.auth.password_validation import MinimumLengthValidator
from django.core.exceptions import ValidationError


class MinimumLength(MinimumLengthValidator):
    """At least `min_length` characters."""

    def validate(self, password: str, user: Any = None) -> None:
        """Raises ValidationError for a shorter one."""
        if len(password) < self.min_length:
            raise ValidationError(f"密码太短：至少 {self.min_length} 个字符。", code="password_too_short")

    def get_help_text(self) -> str:
        """What Wagtail's account forms say beside the field."""
        return f"密码至少 {self.min_length} 个字符。"
