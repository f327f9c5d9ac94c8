"""A repeated key gives the first answer; a key used for another request is refused."""

import hashlib
import json
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction

from core.kernel import clock
from core.kernel.errors import FieldError, Invalid
from core.resources.models import IdempotentAnswer

KEPT = timedelta(days=7)
MAX_KEY = 200


def claim(hospital_id: int, actor: str, key: str, asked: Any) -> IdempotentAnswer:
    """The row of this key, new (its `response` is None) or of the first request. Inside the command's transaction.

    Raises Problem "invalid" when the key was used for something else. A failed command leaves no row.
    """
    if not key.isprintable() or len(key) > MAX_KEY:
        raise Invalid(
            "幂等键不能使用。",
            [FieldError("/Idempotency-Key", "幂等键过长或含有不可见字符", "请用不超过 200 个可见字符")],
        )
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()
    same = {"hospital_id": hospital_id, "actor": actor[:300], "key": key}
    found = IdempotentAnswer.objects.filter(**same).first()
    if found is None:
        try:
            with transaction.atomic():
                return IdempotentAnswer.objects.create(**same, digest=digest, created_at=clock.now())
        except IntegrityError:
            found = IdempotentAnswer.objects.get(**same)
    if found.digest != digest:
        message = "这个幂等键已用于另一个请求"
        raise Invalid(f"{message}。", [FieldError("/Idempotency-Key", message, "请为新的请求换一个键")])
    return found


def keep(row: IdempotentAnswer, response: dict[str, Any]) -> None:
    """Note the answer."""
    row.response = response
    row.save(update_fields=["response"])


def sweep(limit: int = 500) -> int:
    """Delete answers older than a week, at most `limit`; how many. Needs an actor."""
    old = IdempotentAnswer.objects.filter(created_at__lt=clock.now() - KEPT).order_by("created_at")
    ids = list(old.values_list("pk", flat=True)[:limit])
    return IdempotentAnswer.objects.filter(pk__in=ids).delete()[0]
