"""The list as an Excel file: made by a job, opened by who asked for it and nobody else."""

import io

import python_calamine

from core.jobs.testing import run_pending
from core.resources.models import ExportRequest

RESOURCE = "/resources/warning.warning"
WHY = {"purpose": "inspection", "purpose_text": "核对预警的处理"}


def test_who_asked_opens_the_file_and_finds_the_rows_of_the_list(small):
    small.run("D1_RX_GT5", "E1_PRICE_GAP")
    asked = small.post("inspector", f"{RESOURCE}/export", {"where": None, "order": "", **WHY})
    assert asked.status_code == 200, asked.content
    request = asked.json()["request"]["uid"]
    approved = small.post(
        "leader", "/resources/exports.export/commands/approve", {"uid": request, "expected_version": 1}
    )
    assert approved.status_code == 200, approved.content
    run_pending()
    job = small.get("inspector", f"/jobs/{ExportRequest.unscoped.get(uid=request).job_uid}").json()
    assert job["state"] == "done", job
    address = job["href"].removeprefix("/api/v1/h/binjiang")
    assert small.get("pharmacy", address).status_code == 404
    assert small.get("leader", address).status_code == 404
    answer = small.get("inspector", address)
    assert answer.status_code == 200 and "attachment" in answer["Content-Disposition"]
    content = io.BytesIO(b"".join(answer.streaming_content))
    cells = python_calamine.CalamineWorkbook.from_filelike(content).get_sheet_by_index(1).to_python()
    titles = {row["label"] for row in small.get("inspector", f"{RESOURCE}/rows").json()["rows"]}
    assert len(titles) >= 2
    assert titles <= {str(cell) for row in cells for cell in row}
    assert "滨江示范医院" in str(cells[:4])
    assert small.get("pharmacy", address).status_code == 404
    assert small.get("hospital_admin", address).status_code == 404


def test_a_role_without_the_right_is_told_so(small):
    refused = small.post("pharmacy", f"{RESOURCE}/export", {"where": None, "order": ""})
    assert refused.status_code == 403 and "导出" in refused.json()["detail"]
