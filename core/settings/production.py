"""PostgreSQL and Redis behind HTTPS; what is missing refuses to start, naming the variable."""

from core.settings.base import *  # noqa: F403
from core.settings.plugins import add_plugins
from core.settings.values import BadSetting

for _name in ("database_url", "redis_url", "secret_key"):
    if not getattr(VALUES, _name):  # noqa: F405
        raise BadSetting(f"生产方式下必须设置环境变量 QINGLIAN_{_name.upper()}")

INSTALLED_APPS = add_plugins(INSTALLED_APPS, PLUGIN_FOLDERS, HOME)  # noqa: F405
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
SECURE_SSL_REDIRECT = True
SECURE_HSTS_SECONDS = 365 * 24 * 3600
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
