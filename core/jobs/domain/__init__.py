"""What others call: submit, cancel, resume jobs; emit events; what a handler meets."""

from core.jobs.domain.context import Cancelled, JobContext, LeaseLost
from core.jobs.domain.outbox import emit
from core.jobs.domain.submit import cancel, resume, submit

__all__ = ["Cancelled", "JobContext", "LeaseLost", "cancel", "emit", "resume", "submit"]
