"""The operator's settings: environment variables, typed; a wrong one refuses to start and names itself."""

import secrets
import sys
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parents[2]


class BadSetting(Exception):
    """A setting that cannot be used; the text names it and says what it should be."""


class Values(BaseSettings):
    """What an operator may set; each name is prefixed `QINGLIAN_`."""

    model_config = SettingsConfigDict(env_prefix="QINGLIAN_", extra="ignore")

    home: Path = Field(default=ROOT / ".qinglian", description="数据目录")
    backup_dir: Path | None = Field(default=None, description="每日备份的目录；空为数据目录下的 backups")
    backup_hour: int = Field(default=2, ge=0, le=23, description="每日备份在几点（北京时间）开始")
    reason_rows: int = Field(
        default=200, ge=1, le=200, description="一页显示多于几行敏感内容时先问理由（一页最多 200 行）"
    )
    backup_keep: int = Field(default=7, ge=1, le=366, description="每日备份保留几份")
    head_copy: Path | None = Field(
        default=None, description="审计签名另存一份的目录，宜在另一台机器上；空为不另存"
    )
    port: int = Field(default=8000, ge=1, le=65535, description="网站端口")
    bind: str = Field(default="127.0.0.1", description="监听地址")
    hosts: str = Field(default="localhost,127.0.0.1,[::1]", description="允许的主机名，用逗号隔开")
    database_url: str = Field(default="", description="数据库地址；空为内置 SQLite")
    database_wait: float = Field(
        default=0, ge=0, le=3600, description="等待数据库一次应答的秒数；0 为网站 10、后台 600、命令不限"
    )
    redis_url: str = Field(default="", description="Redis 地址；空为内置队列")
    search_url: str = Field(default="", description="Elasticsearch 地址；空为内置检索")
    wagtail_api: bool = Field(default=False, description="是否开放 Wagtail 自带的接口（仅公开页面）")
    api_origins: str = Field(default="", description="可以读取公开接口的其他网站，用逗号隔开；空为没有")
    search_corpus: str = Field(default="", description="评测用：检索语料的文件夹")
    secret_key: str = Field(default="", description="签名密钥；内置方式下自动生成")
    public_url: str = Field(
        default="",
        description="网站对外的地址，写在邮件和企业微信消息里，例如 https://qinglian.example.cn；空则消息里不带链接",
    )
    mail_url: str = Field(
        default="", description="发邮件的服务器，例如 smtp://账号:口令@10.0.0.5:25；空为不发邮件"
    )
    mail_from: str = Field(default="", description="发件地址")
    wecom_url: str = Field(
        default="https://qyapi.weixin.qq.com", description="企业微信接口地址，经内网转发时更改"
    )
    https: bool = Field(default=False, description="是否经 HTTPS 访问")
    metrics_token: str = Field(default="", description="监控系统读取 /metrics 的令牌；空为只允许本机")
    mfa: Literal["", "required", "offered"] = Field(
        default="",
        description="管理员等重要账号的两步验证：required 必须，offered 可选；空为生产方式必须、内置方式可选",
    )
    idle_minutes: int = Field(default=240, ge=5, le=720, description="多少分钟未操作即退出登录")
    idle_minutes_privileged: int = Field(
        default=30, ge=5, le=720, description="管理员等重要账号多少分钟未操作即退出登录"
    )
    initial_code_days: int = Field(default=7, ge=1, le=30, description="批量开通的初始登录码几天内有效")
    workers: int = Field(default=2, ge=1, le=32, description="后台进程数")
    web_threads: int = Field(default=8, ge=1, le=64, description="网站线程数")
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="日志级别")
    language_check: bool = Field(default=False, description="测试用：检查页面用词")
    plugin_checksums: bool = Field(default=False, description="是否核对插件校验和")

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        return home.expanduser().resolve()

    @field_validator("backup_dir", "head_copy", mode="before")
    @classmethod
    def _absolute_or_none(cls, folder: object) -> object:
        return Path(str(folder)).expanduser().resolve() if folder else None

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, url: str) -> str:
        if url and urlsplit(url).scheme not in {"sqlite", "postgres", "postgresql"}:
            raise ValueError("应以 postgresql:// 或 sqlite:// 开头")
        try:
            port = urlsplit(url).port
        except ValueError:
            port = 0
        if port == 0:
            raise ValueError("端口应是 1 到 65535 的整数")
        if url and not urlsplit(url).path.strip("/"):
            raise ValueError("末尾应写明数据库名，例如 postgresql://user:password@host/qinglian")
        return url

    @field_validator("search_url")
    @classmethod
    def _known_search(cls, url: str) -> str:
        if url and (urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname):
            raise ValueError("应以 http:// 或 https:// 开头，例如 http://127.0.0.1:9200")
        return url

    @field_validator("public_url", "wecom_url")
    @classmethod
    def _http(cls, url: str) -> str:
        if url and (urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname):
            raise ValueError("应以 http:// 或 https:// 开头")
        return url.rstrip("/")

    @field_validator("mail_url")
    @classmethod
    def _known_mail(cls, url: str) -> str:
        parts = urlsplit(url)
        if url and (parts.scheme not in {"smtp", "smtp+tls", "smtps"} or not parts.hostname):
            raise ValueError("应以 smtp://、smtp+tls:// 或 smtps:// 开头，例如 smtp://10.0.0.5:25")
        try:
            port = parts.port
        except ValueError:
            port = 0
        if port == 0:
            raise ValueError("端口应是 1 到 65535 的整数")
        return url

    @field_validator("redis_url")
    @classmethod
    def _known_redis(cls, url: str) -> str:
        if url and urlsplit(url).scheme not in {"redis", "rediss", "unix"}:
            raise ValueError("应以 redis://、rediss:// 或 unix:// 开头")
        return url


@lru_cache
def values() -> Values:
    """The checked settings of this process. Raises BadSetting naming each wrong variable."""
    try:
        return Values()
    except ValidationError as error:
        fields = Values.model_fields
        parts = []
        for found in error.errors():
            name = str(found["loc"][0]) if found["loc"] else ""
            label = fields[name].description if name in fields else ""
            reason = _reason(found)
            parts.append(
                f"环境变量 QINGLIAN_{name.upper()}（{label}）的值 {found['input']!r} 不能用：{reason}"
            )
        raise BadSetting("；".join(parts)) from None


def _reason(found: Any) -> str:
    """What a value should have been, in Chinese; `found` is one of Pydantic's error records."""
    said, ctx = found["type"], found.get("ctx", {})
    if said == "value_error":
        return str(found["msg"]).removeprefix("Value error, ")
    if said == "greater_than_equal":
        return f"不能小于 {ctx['ge']}"
    if said == "less_than_equal":
        return f"不能大于 {ctx['le']}"
    if said == "literal_error":
        return f"应是 {str(ctx['expected']).replace(' or ', '、').replace(', ', '、')} 之一"
    return {"int": "应是整数", "bool": "应是 true 或 false", "path": "应是一个路径"}.get(
        said.split("_")[0], "格式不对"
    )


def usable_home(home: Path) -> Path:
    """The data folder, made if it is absent (mode 0700). Raises BadSetting when it cannot be written."""
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=home):
            return home
    except OSError as error:
        raise BadSetting(
            f"环境变量 QINGLIAN_HOME（数据目录）{str(home)!r} 不能写入：{error.strerror}"
        ) from None


def database(url: str, home: Path, wait: float = 0) -> dict[str, object]:
    """Django's database dictionary for a URL; empty means SQLite in `home`. `wait`: see `postgresql_waits`."""
    parts = urlsplit(url)
    if not url or parts.scheme == "sqlite":
        name = unquote(parts.path) if url else str(home / "qinglian.sqlite3")
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": name,
            "ATOMIC_REQUESTS": False,
            "CONN_MAX_AGE": 60,  # opening it reads the whole schema anew: 16 ms
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
                " PRAGMA cache_size=-32000; PRAGMA mmap_size=134217728;",
            },
        }
    return {
        "ENGINE": "core.kernel.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or "") or dict(parse_qsl(parts.query)).get("host", ""),
        "PORT": str(parts.port or ""),
        "ATOMIC_REQUESTS": False,
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": postgresql_waits(wait),
    }


def postgresql_waits(wait: float) -> dict[str, object]:
    """How long to wait for PostgreSQL: for a connection 5 s, for an answer `wait` seconds (0: without end).

    A wait longer than 10 s is looked into every 10 s: is the server still at work on it? The server is told to give up a
    session whose client is gone, so that no lock outlives a broken line by more than half a minute.
    """
    server: dict[str, object] = {
        "tcp_keepalives_idle": 10,
        "tcp_keepalives_interval": 5,
        "tcp_keepalives_count": 3,
        "client_connection_check_interval": "5s",
    }
    if wait:
        server |= {"lock_timeout": f"{min(wait, 60):g}s"}
        server |= {"idle_in_transaction_session_timeout": f"{min(2 * wait, 25):g}s"}
    return {
        "connect_timeout": 5,
        "keepalives": 1,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 15000,
        "answer_seconds": wait,
        "probe_seconds": 10 if wait > 10 else 0,
        "rest_seconds": 2 if wait else 0,
        "options": " ".join(f"-c {name}={value}" for name, value in server.items()),
    }


def patience(given: float) -> float:
    """Seconds to wait for one answer of the database: given, else 10 for the web, 600 for the worker, no end for commands."""
    if given:
        return given
    if "gunicorn" in sys.modules:
        return 10
    return 600 if sys.argv[1:2] == ["worker"] else 0


def redis_address(url: str) -> str:
    """The URL with limits to every wait, where it names none itself (seconds)."""
    parts = urlsplit(url)
    limits = {"socket_timeout": "10"}
    if parts.scheme != "unix":
        limits |= {"socket_connect_timeout": "3", "socket_keepalive": "1", "health_check_interval": "20"}
    query = limits | dict(parse_qsl(parts.query))
    return urlunsplit(parts._replace(query=urlencode(query)))


class MailServer(NamedTuple):
    """Where mail is handed in."""

    host: str
    port: int
    user: str
    password: str
    starttls: bool
    tls: bool


def mail(url: str) -> MailServer:
    """The server of a URL: smtp (plain), smtp+tls (STARTTLS), smtps (TLS). No URL: no host, no mail."""
    parts = urlsplit(url)
    return MailServer(
        parts.hostname or "",
        parts.port or {"smtps": 465, "smtp+tls": 587}.get(parts.scheme, 25),
        unquote(parts.username or ""),
        unquote(parts.password or ""),
        parts.scheme == "smtp+tls",
        parts.scheme == "smtps",
    )


def secret_key(given: str, home: Path) -> str:
    """The signing key: given, or made once and kept in `home/keys` (mode 0600)."""
    if given:
        if len(given) < 40:
            raise BadSetting("环境变量 QINGLIAN_SECRET_KEY（签名密钥）太短：至少 40 个字符")
        return given
    kept = home / "keys" / "secret_key"
    try:
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            new = kept.with_suffix(f".{secrets.token_hex(4)}")
            new.touch(mode=0o600)
            new.write_text(secrets.token_urlsafe(48))
            try:
                kept.hardlink_to(new)
            except FileExistsError:
                pass
            new.unlink()
        return kept.read_text()
    except OSError as error:
        raise BadSetting(
            f"环境变量 QINGLIAN_HOME（数据目录）{str(home)!r} 不能读写：{error.strerror}"
        ) from None
