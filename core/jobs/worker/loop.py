"""The worker's loop: relay at each ring of the bell or every 250 ms, sweep every 10 s, housekeeping every hour."""

import logging
import time
from collections.abc import Callable
from datetime import timedelta

from django.db import close_old_connections, connections

from core.jobs import tasks
from core.jobs.domain import lease, recurring
from core.jobs.domain.bell import Listener
from core.jobs.domain.outbox import relay_once

log = logging.getLogger(__name__)

RELAY_SECONDS = 0.25
SWEEP_SECONDS = 10.0
TIDY_SECONDS = 3600.0
#: Pause after an error (database locked, queue not reachable) before the next try.
RECOVER_SECONDS = 1.0


def run_loop(go_on: Callable[[], bool]) -> None:
    """Work until `go_on()` is false, asked at least every 250 ms. Errors are logged and tried again."""
    bell = Listener()
    next_sweep = next_tidy = time.monotonic()
    try:
        while go_on():
            try:
                while go_on() and relay_once(tasks.send):
                    pass
                if time.monotonic() >= next_sweep:
                    next_sweep = time.monotonic() + SWEEP_SECONDS
                    sweep_once()
                if time.monotonic() >= next_tidy:
                    next_tidy = time.monotonic() + TIDY_SECONDS
                    recurring.tidy()
                    tasks.forget_stale_results()
            except Exception:
                log.exception("the worker's loop met an error and goes on")
                connections.close_all()
                _rest(go_on)
            bell.wait(RELAY_SECONDS)
    finally:
        bell.close()


def sweep_once() -> None:
    """Take back lost leases, resend lost messages, submit what recurs, note that the loop lives."""
    close_old_connections()
    lease.sweep()
    lease.requeue_unsent(tasks.pending(), older_than=timedelta(seconds=SWEEP_SECONDS))
    recurring.submit_due()
    recurring.note_alive()


def _rest(go_on: Callable[[], bool]) -> None:
    until = time.monotonic() + RECOVER_SECONDS
    while time.monotonic() < until and go_on():
        time.sleep(0.05)
