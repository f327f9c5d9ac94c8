"""The operator's settings: environment variables, typed; a wrong one refuses to start and names itself."""

import secrets
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parents[2]


class BadSetting(Exception):
    """A setting that cannot be used; the text names it and says what it should be."""


class Values(BaseSettings):
    """What an operator may set; each name is prefixed `QINGLIAN_`."""

    model_config = SettingsConfigDict(env_prefix="QINGLIAN_", extra="ignore")

    home: Path = Field(default=ROOT / ".qinglian", description="数据目录")
    port: int = Field(default=8000, ge=1, le=65535, description="网站端口")
    bind: str = Field(default="127.0.0.1", description="监听地址")
    hosts: str = Field(default="localhost,127.0.0.1,[::1]", description="允许的主机名，用逗号隔开")
    database_url: str = Field(default="", description="数据库地址；空为内置 SQLite")
    redis_url: str = Field(default="", description="Redis 地址；空为内置队列")
    secret_key: str = Field(default="", description="签名密钥；内置方式下自动生成")
    https: bool = Field(default=False, description="是否经 HTTPS 访问")
    workers: int = Field(default=2, ge=1, le=32, description="后台进程数")
    web_threads: int = Field(default=8, ge=1, le=64, description="网站线程数")
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="日志级别")
    language_check: bool = Field(default=False, description="测试用：检查页面用词")
    plugin_checksums: bool = Field(default=False, description="是否核对插件校验和")

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        return home.expanduser().resolve()

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


def database(url: str, home: Path) -> dict[str, object]:
    """Django's database dictionary for a URL; empty means SQLite in `home`."""
    parts = urlsplit(url)
    if not url or parts.scheme == "sqlite":
        name = unquote(parts.path) if url else str(home / "qinglian.sqlite3")
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": name,
            "ATOMIC_REQUESTS": False,
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
                " PRAGMA cache_size=-32000; PRAGMA mmap_size=134217728;",
            },
        }
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or "") or dict(parse_qsl(parts.query)).get("host", ""),
        "PORT": str(parts.port or ""),
        "ATOMIC_REQUESTS": False,
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }


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
