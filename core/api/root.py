"""The API: one NinjaAPI, problems instead of Ninja's errors, routers of the rooms below."""

import logging

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.utils.module_loading import import_string
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from core.api import outage, session
from core.api.auth import SIGN_IN, InHospital, InPlugin, OpenToVisitors, SignedIn, SignedInAnyhow
from core.api.signin import problem_response
from core.kernel.errors import FieldError, NotFound, Problem

log = logging.getLogger(__name__)

api = NinjaAPI(
    title="清廉",
    version="1",
    description="清廉平台接口。错误一律为 application/problem+json。",
    docs_url=None,
    openapi_url=None,
    urls_namespace="api",
)


def mount() -> None:
    """Add the routers of all rooms. Called once, when this module is imported."""
    from core.api import files, home, jobs, me, notices, org, plugins, rights
    from core.cms.http import router as cms_router
    from core.lake.http import router as lake_router
    from core.plugin_host.routes import routers
    from core.resources.http import router as resources_router
    from core.resources.http_exports import router as exports_router
    from core.resources.http_record import router as record_router
    from core.roster.http import router as roster_router
    from core.status.http import router as status_router

    api.add_router("", session.router)
    api.add_router("/me", me.router, auth=SignedInAnyhow())
    api.add_router("", status_router, auth=SignedIn())
    inside = InHospital()
    api.add_router("/h/{hospital}", org.router, auth=inside)
    for router in (home.router, resources_router, jobs.router, files.router, plugins.router, lake_router):
        api.add_router("/h/{hospital}", router, auth=inside)
    for router in (exports_router, record_router):
        api.add_router("/h/{hospital}", router, auth=inside)
    api.add_router("/h/{hospital}", notices.router, auth=inside)
    api.add_router("/h/{hospital}", rights.router, auth=inside)
    api.add_router("/h/{hospital}", roster_router, auth=inside)
    api.add_router("/h/{hospital}", cms_router, auth=OpenToVisitors())
    for name in settings.API_ROUTERS:
        api.add_router("/h/{hospital}", import_string(name), auth=OpenToVisitors())
    for plugin, router in sorted(routers.items()):
        api.add_router(f"/h/{{hospital}}/p/{plugin}", router, auth=InPlugin(plugin))


@api.exception_handler(Problem)
def _problem(request: HttpRequest, problem: Problem) -> HttpResponse:
    return problem_response(problem, request)


@api.exception_handler(AuthenticationError)
def _signed_out(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    return problem_response(SIGN_IN, request)


@api.exception_handler(ValidationError)
def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    errors = [
        FieldError(
            pointer="/" + "/".join(str(step) for step in found["loc"][1:]), message="这一项的格式不对。"
        )
        for found in error.errors
    ]
    return problem_response(Problem("invalid", "请求的内容不符合格式，请检查后再试。", 422, errors), request)


@api.exception_handler(HttpError)
def _http(request: HttpRequest, error: HttpError) -> HttpResponse:
    code = {401: "sign_in_required", 403: "forbidden", 404: "not_found"}.get(error.status_code, "invalid")
    said = "页面已过期，请刷新后再试。" if code == "forbidden" else "请求无法处理，请检查后再试。"
    return problem_response(Problem(code, said, error.status_code), request)


@api.exception_handler(RequestDataTooBig)
def _too_large(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
    return problem_response(
        Problem("too_large", "提交的内容过大，请缩短后再试；大文件请用上传。", 413), request
    )


@api.exception_handler(OperationalError)
@api.exception_handler(InterfaceError)
def _away(request: HttpRequest, error: Exception) -> HttpResponse:
    log.error("the database does not answer: %s", error)
    return outage.answer(request)


@api.exception_handler(Exception)
def _crash(request: HttpRequest, error: Exception) -> HttpResponse:
    log.exception("unhandled error in %s", request.path)
    number = getattr(request, "request_id", "")
    return problem_response(
        Problem("internal", f"系统出错，已记录。请把编号 {number} 告诉管理员。", 500), request
    )


def unknown(request: HttpRequest, rest: str = "") -> HttpResponse:
    """Any API path that does not exist: the same 404 as for what may not be seen."""
    return problem_response(NotFound(), request)
