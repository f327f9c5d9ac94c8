"""PostgreSQL and Redis behind HTTPS; what is missing refuses to start, naming the variable."""

from core.settings.base import *  # noqa: F403
from core.settings.plugins import add_plugins
from core.settings.values import BadSetting

for _name in ("database_url", "redis_url", "secret_key"):
    if not getattr(VALUES, _name):  # noqa: F405
        raise BadSetting(f"生产方式下必须设置环境变量 QINGLIAN_{_name.upper()}")
if not VALUES.database_url.startswith("postgres"):  # noqa: F405
    raise BadSetting(
        "生产方式下环境变量 QINGLIAN_DATABASE_URL（数据库地址）应以 postgresql:// 开头；SQLite 只用于试用"
    )
if len(VALUES.secret_key) < 50 or len(set(VALUES.secret_key)) < 5:  # noqa: F405
    raise BadSetting("生产方式下环境变量 QINGLIAN_SECRET_KEY（签名密钥）至少 50 个字符，且应是随机的")
if "*" in VALUES.hosts:  # noqa: F405
    raise BadSetting("生产方式下环境变量 QINGLIAN_HOSTS（允许的主机名）应逐个写明，不能用 *")

INSTALLED_APPS = add_plugins(INSTALLED_APPS, PLUGIN_FOLDERS, HOME)  # noqa: F405
MIDDLEWARE = ["core.api.proxy.ClientAddress", *MIDDLEWARE]  # noqa: F405
ALLOWED_HOSTS = [*ALLOWED_HOSTS, "127.0.0.1", "localhost"]  # noqa: F405 - health and metrics, asked on this machine

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
SECURE_SSL_REDIRECT = True
SECURE_REDIRECT_EXEMPT = [r"^health$", r"^metrics$"]
SECURE_HSTS_SECONDS = 365 * 24 * 3600
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
WAGTAILADMIN_BASE_URL = f"https://{ALLOWED_HOSTS[0]}"

#: Administrators and who sees class 4 need a second factor, unless the operator says otherwise (ADR 16).
TWO_FACTORS = VALUES.mfa or "required"  # noqa: F405
