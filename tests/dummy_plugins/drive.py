"""Start the core with the dummies in a process of its own and print as JSON what a person and the operator see."""

import json
import os
from io import StringIO
from pathlib import Path
from typing import Any

import django
from django.core.management import call_command

from tests.support import template


def main() -> None:
    """Migrate an empty store, enable the dummies, sign in, open the first page, list the plugins."""
    if "bad" not in os.environ["DJANGO_SETTINGS_MODULE"]:  # those leave out the warning plugin and its tables
        template.copy_to(Path(os.environ["QINGLIAN_HOME"], "qinglian.sqlite3"))
    django.setup()
    from core.kernel.context import Actor, actor_scope

    with actor_scope(Actor.system("test")):
        call_command("migrate", verbosity=0)
        print("ANSWER " + json.dumps(_look(), ensure_ascii=False))


def _look() -> dict[str, Any]:
    from django.test import Client

    from core.kernel.context import Actor
    from core.plugin_host.service import enable
    from core.testing.world import World

    world, by = World.small(), Actor.system("test")
    for plugin in ("dummy_sound", "dummy_exiting"):
        enable(plugin, world.hospital(), by=by)
    client = Client()
    client.force_login(world.user("inspector"))
    home = client.get("/api/v1/h/binjiang/home")
    client.force_login(world.user("hospital_admin"))
    page = client.get("/api/v1/h/binjiang/plugins")
    refused = client.post("/api/v1/h/binjiang/plugins/dummy_raising/enable")
    out = StringIO()
    call_command("plugins", "list", "--hospital", "binjiang", "--json", stdout=out)
    return {
        "status": home.status_code,
        "home": home.json(),
        "page": page.json(),
        "refused": {"status": refused.status_code, **refused.json()},
        "plugins": json.loads(out.getvalue()),
    }


if __name__ == "__main__":
    main()
