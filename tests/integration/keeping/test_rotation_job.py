"""The rotation as the background job it is: claimed, killed with −9 at twenty places, carried on, nothing unreadable."""

import json
import os
import random
import signal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, connections

from core.audit.testing import named_actor
from core.jobs.domain import submit
from core.jobs.domain.lease import sweep
from core.jobs.domain.run import execute
from core.jobs.models import Job
from core.kernel.clock import now
from core.org.models import Hospital, Person
from core.resources.models import ExportRequest
from core.vault import rotation
from core.vault.cells import key_of
from core.vault.keys import current_key, make_next
from tests.integration.keeping.house import BY

ROWS, KILLS = 60, 20
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def requests(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sixty exports, each with two sealed columns."""
    settings.HOME = tmp_path
    monkeypatch.setattr(rotation, "BATCH", 5)
    with named_actor():
        hospital = Hospital.objects.create(slug="h1", name="甲院", sort_key="jia")
        person = Person.objects.create(name="甲", sort_key="jia")
        ExportRequest.unscoped.bulk_create(
            [
                ExportRequest(
                    hospital=hospital,
                    number=f"DC-{n}",
                    asked=f"要求 {n}",
                    about=f"范围 {n}",
                    data_class=3,
                    person=person,
                    user_uid=person.uid,
                    requester="甲",
                    asked_at=now(),
                )
                for n in range(ROWS)
            ]
        )
        yield


def cells() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT asked, about FROM resources_exportrequest")
        return {key_of(cell) for row in cursor.fetchall() for cell in row}


def run_and_die(uid: str, at: int) -> bool:
    """Run the job in a child that dies at its `at`-th cell; whether it was killed."""
    connections.close_all()
    child = os.fork()
    if child == 0:
        real, seen = rotation.seal, 0

        def seal(*args: Any, **places: Any) -> str:
            nonlocal seen
            seen += 1
            if seen == at:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **places)

        rotation.seal = seal  # type: ignore[assignment]
        execute(uid)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def test_killed_twenty_times_and_every_cell_opens(requests: Any) -> None:
    dice, kills = random.Random(5), 0
    for _ in range(KILLS):
        if len(cells()) == 1 and current_key("cells").id in cells():
            make_next("cells")
        job = Job.unscoped.filter(kind="vault.rotate", state__in=("queued", "running")).first()
        job = job or submit("vault.rotate", {}, by=BY, hospital=None)
        kills += run_and_die(str(job.uid), dice.randint(1, 2 * ROWS // 3))
        assert ExportRequest.unscoped.count() == ROWS
        for one in ExportRequest.unscoped.all():
            number = one.number.removeprefix("DC-")
            assert (one.asked, one.about) == (f"要求 {number}", f"范围 {number}")
        sweep()  # the process on this machine is gone: the job is queued again
    assert kills >= KILLS - 4, "a child may end before its place"
    job = Job.unscoped.filter(kind="vault.rotate").latest("id")
    if job.state != "done":
        Job.unscoped.filter(pk=job.pk).update(state="queued", lease_until=None)
        execute(str(job.uid))
    assert cells() == {current_key("cells").id}
    out = StringIO()
    call_command("vault", "status", "--json", stdout=out)
    said = json.loads(out.getvalue())
    assert said["unreadable"] == [] and said["rotation"]["left"] == said["rotation"]["bad"] == 0
    assert said["rotation"]["state"] == "done"
