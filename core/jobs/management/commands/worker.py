"""`manage.py worker`: runs background work until SIGTERM."""

import logging
import os
import signal
from typing import Any

from django.core.management.base import BaseCommand

from core.kernel.context import Actor, actor_scope


class Command(BaseCommand):
    """Relay and sweep in this process, jobs in a process group beside it; SIGTERM or Ctrl-C ends all within 2 s."""

    help = "运行后台任务，直到收到停止信号"
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Start the group, run the loop, end the group however the loop ends."""
        from core.jobs.domain.bell import ring
        from core.jobs.worker.group import Group
        from core.jobs.worker.loop import run_loop

        stopping = False

        def stop(*_: Any) -> None:
            nonlocal stopping
            stopping = True
            ring()  # the loop may be asleep

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, stop)
        group = Group()

        def go_on() -> bool:
            if not stopping:
                group.keep()
            return not stopping

        with actor_scope(Actor.system("worker")):
            try:
                group.start()
                run_loop(go_on)
            finally:
                group.stop()
        logging.shutdown()
        self.stdout.flush()
        os._exit(0)  # nothing is open any more; taking the interpreter apart costs up to a second
