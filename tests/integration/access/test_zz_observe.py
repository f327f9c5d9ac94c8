import csv, pytest
from tests.integration.access import running, admin
from tests.integration.access.things import ROLES, Things, signed_in
pytestmark = pytest.mark.django_db
from core.org.models import User
def test_observe(things, world):
    boss=signed_in(User.objects.get(username="platform-admin"))
    for v in running.admin_views():
        out=[]
        for c in (things.clients["anonymous"],things.clients["inspector"],boss):
            for m in ("GET","POST"):
                try: out.append(admin.answer(c,v,m)[0])
                except Exception as e: out.append(repr(e)[:150])
        print("ADM|"+v+"|"+"|".join(out))
