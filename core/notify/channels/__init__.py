"""Ways out of the house. A channel answers with an `Outcome` for each person; what it cannot do it says in Chinese."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """How it went for one delivery. `again` > 0: to be tried again in that many seconds; else it failed for good.

    `reason` is a sentence of ours for the administrator: it never quotes a server, whose answers hold addresses.
    """

    sent: bool
    code: str = ""
    reason: str = ""
    again: int = 0


SENT = Outcome(True)


@dataclass(frozen=True)
class Message:
    """What is said: a title, a text, and the full address of the page (empty when the site's address is not set)."""

    title: str
    text: str
    url: str = ""
