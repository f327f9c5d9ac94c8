"""What the commands say to the person who runs them, and how they stop."""

import signal
import sys
from collections.abc import Callable


class Stop(Exception):
    """The command cannot go on; the text says why and what to do."""


def say(text: str) -> None:
    """One line at once, also into a pipe."""
    print(text, flush=True)


def run(command: Callable[[], int]) -> None:
    """Run `command` and exit with its code; a Stop becomes one Chinese line and code 1."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        code = command()
    except Stop as stop:
        print(f"停止：{stop}", file=sys.stderr, flush=True)
        code = 1
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)
