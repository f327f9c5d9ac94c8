"""A table with sealed columns in a SQLite file of its own, and a data folder with keys."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, models
from django.test.utils import isolate_apps

from core.kernel.ids import new_uid
from core.vault.fields import EqualityField, SealedField

with isolate_apps("core.vault"):

    class Letter(models.Model):
        """A row with a sealed column, its hash, and one sealed under an earlier table's name."""

        uid = models.UUIDField(default=new_uid, unique=True)
        title = models.CharField(max_length=40, default="")
        phone = SealedField("电话", null=True)
        phone_hash = EqualityField(of="phone")
        reason = SealedField("事由", null=True, place="letter_old.reason")

        class Meta:
            app_label = "vault"
            db_table = "vault_test_letter"


@pytest.fixture
def letters(settings: Any, tmp_path: Path, django_db_blocker: Any) -> Iterator[type[models.Model]]:
    """The model, its table empty."""
    settings.HOME = tmp_path
    with django_db_blocker.unblock():
        before = connection.settings_dict["NAME"], connection.settings_dict["ENGINE"]
        connection.close()
        connection.settings_dict["NAME"] = str(tmp_path / "letters.sqlite3")
        try:
            with connection.schema_editor() as editor:
                editor.create_model(Letter)
            yield Letter
        finally:
            connection.close()
            connection.settings_dict["NAME"], connection.settings_dict["ENGINE"] = before
