"""What a job of the kill suites leaves behind."""

from django.db import models


class Mark(models.Model):
    """One row for each job; deliberately without a unique key, so that a doubled write shows."""

    key = models.CharField(max_length=64)
    actor = models.CharField(max_length=80)

    def __str__(self) -> str:
        return self.key
