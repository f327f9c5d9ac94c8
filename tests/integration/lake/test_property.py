"""Any order of additions and replacements leaves what a plain dict says."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.kernel.ids import random_uid
from core.org.models import Hospital
from tests.integration.lake.conftest import HEAD, bring_path, landed, line

pytestmark = pytest.mark.once

rows = st.lists(
    st.tuples(st.integers(1, 6), st.sampled_from(["2024-01", "2024-02", "2024-03"]), st.integers(1, 9)),
    min_size=1,
    max_size=6,
)
steps = st.lists(st.tuples(st.sampled_from(["add", "replace_months"]), rows), min_size=1, max_size=4)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_landing_equals_a_dict(hospital, done):
    one = Hospital.objects.create(slug=f"p{random_uid().hex[:12]}", name="某院", zone="Asia/Shanghai")
    model: dict[str, tuple[str, int]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, (mode, lines) in enumerate(done):
            path = Path(folder) / f"{number}.csv"
            path.write_text(HEAD + "".join(line(k, day=f"{m}-11", qty=q) for k, m, q in lines), "utf-8")
            bring_path(one, path, mode=mode)
            last = {str(k): (m, q) for k, m, q in lines}
            if mode == "replace_months":
                months = {m for m, _ in last.values()}
                model = {k: v for k, v in model.items() if v[0] not in months}
            model |= last
    found = {r["source_key"]: (r["date"].isoformat()[:7], int(r["qty"])) for r in landed(one)}
    assert found == model
    assert len(landed(one)) == len(model)
