"""The command line answers in JSON and in words."""

import json

import pytest
from django.core.management import CommandError, call_command

from tests.integration.lake.conftest import HEAD, line


def test_import_preview_and_ledger(hospital, tmp_path, capsys):
    path = tmp_path / "a.csv"
    path.write_text(HEAD + line("1") + line("2", qty="x"), "utf-8")
    common = ["--hospital", "demo", "--dataset", "prescription_lines", "--file", str(path)]
    call_command("lake", "preview", *common, "--json")
    assert json.loads(capsys.readouterr().out)["rows_bad"] == 1
    with pytest.raises(CommandError, match="第 3 行 J3：“数量”列：“x”不是数字"):
        call_command("lake", "import", *common)
    call_command("lake", "import", *common, "--accept-partial", "--where", "日期 > 2024-01-01", "--json")
    assert json.loads(capsys.readouterr().out)["rows_landed"] == 1
    call_command("lake", "ledger", "--hospital", "demo", "--json")
    assert [i["state"] for i in json.loads(capsys.readouterr().out)["imports"]] == ["done", "refused"]
