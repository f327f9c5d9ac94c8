"""`manage.py search rebuild | status | evaluate FOLDER`."""

import json
import os
import time
from argparse import ArgumentParser
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from core.org.models import Hospital
from search import engines, index, jobs, notes
from search.engines.base import Engine, EngineFailed

HELP = {
    "rebuild": "重新建立检索索引（可随时中断，再次执行即从头核对）",
    "status": "各引擎的索引情况",
    "evaluate": "用一个文件夹的问题与答案测量检索质量",
}


class Command(BaseCommand):
    """The index and its quality."""

    help = "检索：重建、状态、评测"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Three subcommands, and two that the evaluation calls in its scratch installation."""
        actions = parser.add_subparsers(dest="what", required=True)
        rebuild = actions.add_parser("rebuild", help=HELP["rebuild"])
        rebuild.add_argument("--hospital", default="", help="只重建这家医院（网址名）")
        status = actions.add_parser("status", help=HELP["status"])
        evaluate = actions.add_parser("evaluate", help=HELP["evaluate"])
        evaluate.add_argument("folder", type=Path, help="含 corpus.jsonl、queries.jsonl、qrels.tsv")
        evaluate.add_argument("--url", default="", help="已在运行的网站（以 QINGLIAN_SEARCH_CORPUS 启动）")
        evaluate.add_argument("--hospital", default="evaluate", help="与 --url 同用：医院的网址名")
        evaluate.add_argument(
            "--username", default="evaluate", help="与 --url 同用；口令取自 QINGLIAN_PASSWORD"
        )
        for one in (rebuild, evaluate):
            one.add_argument(
                "--engine", choices=["embedded", "elasticsearch"], default="", help="只用这个引擎"
            )
        for one in (rebuild, status, evaluate):
            one.add_argument("--json", action="store_true", help="输出 JSON")
        actions.add_parser("prepare-evaluation", help="评测内部使用")
        actions.add_parser("drop", help="删除各引擎的索引，之后需要重建")

    def handle(self, *args: Any, what: str, **options: Any) -> None:
        """Run the subcommand. Raises CommandError with a Chinese sentence."""
        try:
            {
                "rebuild": self._rebuild,
                "status": self._status,
                "evaluate": self._evaluate,
                "prepare-evaluation": self._prepare,
                "drop": self._drop,
            }[what](options)
        except EngineFailed as error:
            raise CommandError(f"检索引擎没有应答：{error}") from None

    def _rebuild(self, options: dict[str, Any]) -> None:
        told: list[dict[str, Any]] = []
        for engine in _chosen(options["engine"]):
            jobs.prepare(engine)
            for hospital in _hospitals(options["hospital"]):

                def progress(
                    done: int, note: str, name: str = engine.name, place: str = hospital.name
                ) -> None:
                    if not options["json"]:
                        self.stderr.write(f"{place} · {name} · {note}")

                done = index.reconcile(hospital, engine, progress=progress, whole=True)
                told.append({"engine": engine.name, "hospital": hospital.slug, **done})
            notes.drop_pending(engine.name)
        if options["json"]:
            self.stdout.write(json.dumps(told, ensure_ascii=False))
        else:
            for row in told:
                self.stdout.write(
                    f"{row['hospital']} · {row['engine']}：写入 {row['repaired']} 项，清除 {row['removed']} 项"
                )

    def _status(self, options: dict[str, Any]) -> None:
        rows: list[dict[str, Any]] = []
        for engine in engines.engines():
            for hospital in _hospitals(""):
                row: dict[str, Any] = {"engine": engine.name, "hospital": hospital.slug}
                try:
                    row |= {"documents": engine.count(hospital.id), "state": "ok"}
                except EngineFailed as error:
                    row |= {"documents": {}, "state": str(error)}
                at = notes.ready_at(engine.name, hospital.id)
                row |= {"pending": notes.count_pending(engine.name, hospital.id)}
                rows.append(row | {"compared_at": at.isoformat() if at else None})
        if options["json"]:
            self.stdout.write(json.dumps(rows, ensure_ascii=False))
            return
        for row in rows:
            count = "、".join(f"{key} {n}" for key, n in row["documents"].items()) or "无"
            self.stdout.write(
                f"{row['hospital']} · {row['engine']}：{count}；待补 {row['pending']}；"
                f"上次核对 {row['compared_at'] or '从未'}；{'正常' if row['state'] == 'ok' else row['state']}"
            )

    def _evaluate(self, options: dict[str, Any]) -> None:
        from search.evaluation import measure, server

        try:
            task = measure.read(options["folder"])  # before a server is started for nothing
            with ExitStack() as opened:
                wanted = options["engine"] or ("elasticsearch" if settings.SEARCH_URL else "embedded")
                if options["url"]:
                    client = server.Client(options["url"], options["hospital"])
                    client.sign_in(options["username"], os.environ.get("QINGLIAN_PASSWORD", ""))
                else:
                    client = opened.enter_context(
                        server.scratch(options["folder"], _search_url(wanted, opened))
                    )
                answer = {"folder": options["folder"].name, **_measure(client, task, wanted)}
        except (OSError, ValueError, KeyError) as error:
            raise CommandError(f"评测资料不能读取：{error}") from None
        except server.Failed as error:
            raise CommandError(str(error)) from None
        if options["json"]:
            self.stdout.write(json.dumps(answer, ensure_ascii=False))
            return
        for key, value in answer.items():
            self.stdout.write(f"{key:<16}{value}")

    def _prepare(self, options: dict[str, Any]) -> None:
        from search.evaluation import server

        try:
            server.prepare()
        except server.Failed as error:
            raise CommandError(str(error)) from None

    def _drop(self, options: dict[str, Any]) -> None:
        for engine in engines.engines():
            engine.drop()
            notes.forget_ready(engine.name)


def _measure(client: Any, task: Any, wanted: str) -> dict[str, Any]:
    from search.evaluation import corpus, measure, names
    from search.evaluation.server import Failed

    began = time.monotonic()

    def ask(text: str, kind: str) -> list[str]:
        answer = client.search(text, type=kind, limit=100)
        if answer["engine"] != wanted or answer.get("degraded"):
            raise Failed(f"回答的不是 {wanted}：{answer['engine']}，{answer.get('degraded', '')}")
        return [hit["uid"] for hit in answer["hits"]]

    with ThreadPoolExecutor(2) as pool:
        found = dict(
            zip(task.queries, pool.map(lambda t: ask(t, corpus.CORPUS), task.queries.values()), strict=True)
        )
    took = time.monotonic() - began
    exact = measure.exactness(names.queries(), names.texts(), lambda name: set(ask(name, corpus.NAMES)))
    return {
        "engine": wanted,
        "queries": len(task.queries),
        **measure.figures(task, found),
        "names": exact,
        "ms_per_query": round(1000 * took / max(len(task.queries), 1), 1),
    }


def _search_url(wanted: str, opened: ExitStack) -> str:
    """The server to measure with: the one that is set, else one of our own where the source tree has it."""
    if wanted == "embedded":
        return ""
    if settings.SEARCH_URL:
        return str(settings.SEARCH_URL)
    try:
        from scripts.servers import elasticsearch
    except ImportError:
        raise CommandError("请用环境变量 QINGLIAN_SEARCH_URL 写明 Elasticsearch 的地址。") from None
    return str(opened.enter_context(elasticsearch()))


def _chosen(name: str) -> list[Engine]:
    found = [engine for engine in engines.engines() if name in ("", engine.name)]
    if not found:
        raise CommandError("没有设置 Elasticsearch：请用环境变量 QINGLIAN_SEARCH_URL 写明地址。")
    return found


def _hospitals(slug: str) -> list[Hospital]:
    found = list(Hospital.objects.order_by("id").filter(**({"slug": slug} if slug else {})))
    if slug and not found:
        raise CommandError(f"没有网址名为 {slug} 的医院。")
    return found
