"""What becomes of a job: done, failed, tried again, cancelled, resumed."""

import errno
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from core.jobs.domain import JobContext, cancel, resume, submit
from core.jobs.models import Job, Outbox
from core.jobs.queries import get_job, job_status
from core.jobs.registry import add_gate, job
from core.jobs.testing import run_pending
from core.kernel.clock import now, turned
from core.kernel.context import acting, current_actor, current_hospital, hospital_scope
from core.kernel.errors import Invalid, Problem, Unavailable
from core.org.models import Hospital
from tests.integration.jobs.conftest import WHO

pytestmark = pytest.mark.django_db


def _submit(kind: str, hospital: Hospital | None, **params: Any) -> Job:
    return submit(kind, params, by=WHO, hospital=hospital)


def _now(found: Job) -> Job:
    return Job.unscoped.get(pk=found.pk)


def test_a_job_runs_as_its_requester_for_its_hospital(hospital: Hospital) -> None:
    seen: dict[str, Any] = {}

    @job("t.see", label="看一看")
    def see(ctx: JobContext) -> dict[str, Any]:
        seen.update(actor=current_actor(), hospital=current_hospital(), params=ctx.params, key=ctx.key)
        return {"href": "/h/renhe/"}

    asked = _submit("t.see", hospital, n=3)
    (ended,) = run_pending()
    assert seen["actor"] == WHO
    assert seen["hospital"].slug == "renhe"
    assert seen["params"] == {"n": 3}
    assert seen["key"] == str(asked.uid)
    status = job_status(ended)
    assert (status["state"], status["label"], status["href"]) == ("done", "看一看", "/h/renhe/")
    assert not status["can_cancel"]
    assert not status["can_resume"]
    assert (ended.lease_token, ended.lease_until, ended.attempts) == (None, None, 1)


def test_a_rolled_back_submission_leaves_nothing(hospital: Hospital) -> None:
    job("t.never", label="不运行")(lambda ctx: None)
    with pytest.raises(RuntimeError), transaction.atomic(), acting(WHO):
        _submit("t.never", hospital)
        raise RuntimeError
    assert Job.unscoped.count() == 0
    assert Outbox.objects.count() == 0


def test_a_repeated_key_gives_the_first_job(hospital: Hospital, other: Hospital) -> None:
    runs = []
    job("t.key", label="幂等")(lambda ctx: runs.append(ctx.key))
    first = submit("t.key", {}, by=WHO, hospital=hospital, idempotency_key="k")
    run_pending()
    again = submit("t.key", {"changed": True}, by=WHO, hospital=hospital, idempotency_key="k")
    elsewhere = submit("t.key", {}, by=WHO, hospital=other, idempotency_key="k")
    bare = submit("t.key", {}, by=WHO, hospital=None, idempotency_key="k")
    same_bare = submit("t.key", {}, by=WHO, hospital=None, idempotency_key="k")
    run_pending()
    assert first.pk == again.pk
    assert bare.pk == same_bare.pk
    assert sorted(runs) == sorted(str(each.uid) for each in (first, elsewhere, bare))


@pytest.mark.parametrize("params", [{"n": float("nan")}, {"n": {1, 2}}])
def test_parameters_that_are_not_json_are_refused(hospital: Hospital, params: dict[str, Any]) -> None:
    job("t.json", label="参数")(lambda ctx: None)
    with pytest.raises((TypeError, ValueError)):
        submit("t.json", params, by=WHO, hospital=hospital)


def test_an_error_is_tried_again_later_and_then_given_up(hospital: Hospital) -> None:
    @job("t.fail", label="出错", max_attempts=3)
    def fail(ctx: JobContext) -> None:
        raise ZeroDivisionError("secret detail")

    asked = _submit("t.fail", hospital)
    start = now()
    run_pending()
    assert (_now(asked).state, _now(asked).attempts) == ("queued", 1)
    assert run_pending() == []  # not before its time
    for seconds, state in [(3, "queued"), (30, "failed")]:
        with turned(start + timedelta(seconds=seconds)):
            run_pending()
        assert _now(asked).state == state
    error = _now(asked).error
    assert error["code"] == "internal"
    assert "secret" not in str(error)
    assert _now(asked).attempts == 3
    with turned(start + timedelta(days=1)):
        assert run_pending() == []


@pytest.mark.parametrize(
    ("problem", "state"), [(Invalid("第 3 行有误。"), "failed"), (Unavailable("稍后再试。"), "queued")]
)
def test_a_problem_is_shown_and_only_an_outage_is_tried_again(
    hospital: Hospital, problem: Problem, state: str
) -> None:
    @job("t.problem", label="有误")
    def fail(ctx: JobContext) -> None:
        raise problem

    asked = _submit("t.problem", hospital)
    run_pending()
    assert _now(asked).state == state
    assert _now(asked).error["detail"] == problem.detail


def test_a_full_disk_is_named(hospital: Hospital) -> None:
    @job("t.disk", label="写盘")
    def fail(ctx: JobContext) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    asked = _submit("t.disk", hospital)
    run_pending()
    assert (_now(asked).state, _now(asked).error["code"]) == ("failed", "disk_full")


@pytest.mark.parametrize("result", [{"x": {1}}, {"x": float("inf")}])
def test_a_result_that_is_not_json_fails_the_job(hospital: Hospital, result: Any) -> None:
    job("t.result", label="结果", max_attempts=1)(lambda ctx: result)
    asked = _submit("t.result", hospital)
    run_pending()
    assert _now(asked).state == "failed"


def test_a_handler_that_exits_fails_its_job_only(hospital: Hospital) -> None:
    @job("t.exit", label="退出", max_attempts=1)
    def leave(ctx: JobContext) -> None:
        raise SystemExit(3)

    asked = _submit("t.exit", hospital)
    run_pending()
    assert _now(asked).state == "failed"


def test_a_stopped_worker_gives_its_job_back_uncounted(hospital: Hospital, transactional_db: None) -> None:
    @job("t.stop", label="停止")
    def stopped(ctx: JobContext) -> dict[str, Any]:
        if ctx.attempt == 1 and "again" not in (ctx.saved or {}):
            ctx.checkpoint({"again": True})
            raise KeyboardInterrupt
        return {"attempt": ctx.attempt}

    asked = _submit("t.stop", hospital)
    with pytest.raises(KeyboardInterrupt):
        run_pending()
    assert (_now(asked).state, _now(asked).attempts, _now(asked).losses) == ("queued", 0, 0)
    run_pending()
    assert _now(asked).result == {"attempt": 1}


def test_a_waiting_job_is_cancelled_at_once(hospital: Hospital) -> None:
    runs = []
    job("t.wait", label="等待")(lambda ctx: runs.append(1))
    asked = _submit("t.wait", hospital)
    assert job_status(asked)["can_cancel"]
    cancel(asked, by=WHO)
    assert run_pending() == []
    assert runs == []
    assert (asked.state, Outbox.objects.count()) == ("cancelled", 0)
    with pytest.raises(Problem) as refused:
        cancel(asked, by=WHO)
    assert refused.value.status == 409


def test_a_running_job_is_cancelled_at_its_next_check_and_resumes_from_its_checkpoint(
    hospital: Hospital,
) -> None:
    steps = []

    @job("t.long", label="长任务")
    def long(ctx: JobContext) -> dict[str, Any]:
        for step in range(ctx.saved["next"] if ctx.saved else 0, 5):
            try:
                ctx.check_cancelled()
            except Exception:  # a handler's own net must not catch a cancellation
                continue
            steps.append(step)
            with ctx.commit(checkpoint={"next": step + 1}):
                pass
            if step == 2 and len(steps) == 3:
                cancel(_now(asked), by=WHO)
                ctx._checked = 0.0  # do not wait 250 ms
        return {"steps": 5}

    asked = _submit("t.long", hospital)
    run_pending()
    stopped = _now(asked)
    assert (stopped.state, stopped.error["code"], steps) == ("cancelled", "cancelled", [0, 1, 2])
    assert job_status(stopped)["can_resume"]
    resume(stopped, by=WHO)
    run_pending()
    assert (_now(asked).state, _now(asked).result, steps) == ("done", {"steps": 5}, [0, 1, 2, 3, 4])
    with pytest.raises(Problem):
        resume(_now(asked), by=WHO)


def test_progress_is_written_and_its_last_step_is_never_swallowed(hospital: Hospital) -> None:
    seen = []

    @job("t.progress", label="进度")
    def work(ctx: JobContext) -> None:
        for done in range(101):
            ctx.progress(done, 100, f"第 {done} 行")
            seen.append(_now(asked).progress_done)

    asked = _submit("t.progress", hospital)
    run_pending()
    assert len(set(seen)) < 10  # throttled
    status = job_status(_now(asked))
    assert (status["done"], status["total"], status["note"]) == (100, 100, "第 100 行")


def test_a_closed_gate_pauses_and_an_unknown_kind_fails(hospital: Hospital, other: Hospital) -> None:
    job("t.gated", label="插件任务", plugin="warning")(lambda ctx: None)
    add_gate(lambda kind, place: "插件已停用。" if kind.plugin == "warning" and place == hospital else None)
    closed, opened = _submit("t.gated", hospital), _submit("t.gated", other)
    run_pending()
    assert (_now(closed).state, _now(closed).error["detail"]) == ("paused", "插件已停用。")
    assert _now(opened).state == "done"
    assert job_status(_now(closed))["can_resume"]

    from core.jobs import registry

    gone = _submit("t.gated", other)
    del registry._kinds["t.gated"]
    run_pending()
    assert _now(gone).state == "failed"
    assert "没有安装" in _now(gone).error["detail"]


def test_another_hospitals_job_is_not_found(hospital: Hospital, other: Hospital) -> None:
    job("t.mine", label="本院")(lambda ctx: None)
    asked = _submit("t.mine", hospital)
    with hospital_scope(hospital):
        assert get_job(str(asked.uid)).pk == asked.pk
    for place, uid in [(other, str(asked.uid)), (hospital, "not-a-uid")]:
        with hospital_scope(place), pytest.raises(Problem) as missing:
            get_job(uid)
        assert missing.value.status == 404
