"""The people: requests at a fixed rate whatever the answers do. Reads its orders as JSON from standard input, writes JSON.

Open loop: request number i is due at start + i / rate; its latency counts from then, also while all callers wait for
answers. So a server that stands still for a second is charged with every request of that second. Only 127.0.0.1 is
called, and the process ends by itself when the time is over.
"""

import http.client
import json
import random
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

#: Callers at the same time; more than any sound backlog needs.
CALLERS = 64
PATIENCE = 30
#: A browser, too, opens a new connection rather than use one that the server may just be closing.
IDLE = 30


@dataclass
class Notes:
    """What came back."""

    latencies: list[float] = field(default_factory=list)
    by_kind: dict[str, list[float]] = field(default_factory=dict)
    statuses: Counter[str] = field(default_factory=Counter)
    samples: list[str] = field(default_factory=list)


class People:
    """Signed-in browsers, and what they do."""

    def __init__(self, orders: dict[str, Any]) -> None:
        self.orders, self.notes, self.lock = orders, Notes(), threading.Lock()
        self.start = time.monotonic() + 1.0
        self.total = int(orders["rate"] * orders["seconds"])
        self.next = 0
        self.kinds = [one["kind"] for one in orders["mix"]]
        self.weights = [one["weight"] for one in orders["mix"]]
        self.chance = random.Random(orders.get("seed", 1))

    def run(self) -> None:
        """All callers until the last request is answered."""
        callers = [threading.Thread(target=self._caller, daemon=True) for _ in range(CALLERS)]
        for one in callers:
            one.start()
        for one in callers:
            one.join(self.orders["seconds"] + 2 * PATIENCE)

    def _caller(self) -> None:
        line = http.client.HTTPConnection("127.0.0.1", self.orders["port"], timeout=PATIENCE)
        used = time.monotonic()
        while True:
            with self.lock:
                number = self.next
                self.next += 1
                order = self.chance.choices(self.orders["mix"], self.weights)[0]
                person = self.chance.choice(self.orders["people"])
                path = self.chance.choice(order["paths"])
            if number >= self.total:
                return
            due = self.start + number / self.orders["rate"]
            if (wait := due - time.monotonic()) > 0:
                time.sleep(wait)
            if time.monotonic() - used > IDLE:
                line.close()
            status, text = self._ask(line, order, person, path, number)
            used = time.monotonic()
            took = used - due
            with self.lock:
                self.notes.latencies.append(took)
                self.notes.by_kind.setdefault(order["kind"], []).append(took)
                self.notes.statuses[str(status)] += 1
                if not 200 <= status < 400 and len(self.notes.samples) < 10:
                    self.notes.samples.append(f"{order['kind']} {path} {status} {text[:200]}")

    def _ask(
        self, line: Any, order: dict[str, Any], person: dict[str, str], path: str, number: int
    ) -> tuple[int, str]:
        headers = {
            "Cookie": person["cookie"],
            "X-CSRFToken": person["csrf"],
            **self.orders.get("headers", {}),
        }
        body = None
        if order.get("upload"):
            headers["Content-Type"] = "multipart/form-data; boundary=x"
            head = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{number}.txt"\r\n\r\n'
            body = head.encode() + random.randbytes(1500).hex().encode() + b"\r\n--x--\r\n"
        elif order["method"] != "GET":
            headers["Content-Type"], body = "application/json", json.dumps(order.get("body", {})).encode()
        try:
            line.request(order["method"], path, body, headers)
            answer = line.getresponse()
            text = answer.read()
            if answer.will_close:
                line.close()
            return answer.status, text.decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            line.close()
            return 0, repr(error)


def share(values: list[float], part: float) -> float:
    """A quantile, the nearest value above."""
    found = sorted(values)
    return found[min(len(found) - 1, int(part * len(found)))] if found else 0.0


def main() -> None:
    """Read orders, load, tell."""
    people = People(json.load(sys.stdin))
    people.run()
    notes = people.notes
    seconds = {str(part): round(share(notes.latencies, part), 3) for part in (0.5, 0.9, 0.95, 0.99, 1.0)}
    kinds = {
        kind: {"n": len(took), "p95": round(share(took, 0.95), 3)}
        for kind, took in sorted(notes.by_kind.items())
    }
    told = {"wanted": people.total, "answered": len(notes.latencies), "seconds": seconds, "kinds": kinds}
    json.dump({**told, "statuses": notes.statuses, "samples": notes.samples}, sys.stdout)


if __name__ == "__main__":
    main()
