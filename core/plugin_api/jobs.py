"""Background work for plugins."""

from core.jobs.domain import Cancelled, JobContext, emit, submit
from core.jobs.registry import job

__all__ = ["Cancelled", "JobContext", "emit", "job", "submit"]
