"""What all three forms share."""

from csp.constants import NONE, SELF

from core.settings.values import (
    ROOT,
    database,
    mail,
    patience,
    redis_address,
    secret_key,
    usable_home,
    values,
)

VALUES = values()
HOME = usable_home(VALUES.home)

SECRET_KEY = secret_key(VALUES.secret_key, HOME)
DEBUG = False
ALLOWED_HOSTS = [host.strip() for host in VALUES.hosts.split(",") if host.strip()]
ROOT_URLCONF = "core.api.urls"
WSGI_APPLICATION = "core.api.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "core.kernel",
    "core.org",
    "core.policy",
    "core.vault",
    "core.audit",
    "core.files",
    "core.jobs",
    "core.resources",
    "core.accounts",
    "core.regulations",
    "core.notify",
    "core.flow",
    "core.lake",
    "core.roster",
    "core.keeping",
    "core.status",
    "core.publications",
    "core.cms",
    "core.plugin_host",
    "core.api",
    "core.testing",
    "search",
    "wagtail.users",
    "wagtail.sites",
    "wagtail.embeds",
    "wagtail.snippets",
    "wagtail.documents",
    "wagtail.images",
    "wagtail.search",
    "wagtail.admin",
    "wagtail",
    "taggit",
    "modelcluster",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.headless",
    "axes",
    "csp",
    "django_tasks",
    "huey.contrib.djhuey",
    "django_structlog",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",  # Chinese words for “3 minutes ago” in Wagtail's admin
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "core.api.middleware.RequestId",
    "core.api.middleware.ApiProblems",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "core.api.middleware.Devices",
    "core.api.middleware.ActorScope",
    "core.api.middleware.Duties",
    "core.api.view_as.ViewAs",
    "core.cms.tenancy.middleware.AdminTenancy",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "core.api.middleware.RequestLog",
    "axes.middleware.AxesMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "site" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASES = {"default": database(VALUES.database_url, HOME, patience(VALUES.database_wait))}

AUTH_USER_MODEL = "org.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "core.accounts.backends.SignIn",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "core.org.passwords.MinimumLength", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "/sign-in"
LOGIN_REDIRECT_URL = "/"

ACCOUNT_ADAPTER = "core.api.signin.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_RATE_LIMITS = {
    "login_failed": None,
    "login": None,
}  # axes is the one lock-out; a hospital is one address
ACCOUNT_PREVENT_ENUMERATION = True
HEADLESS_ONLY = True
HEADLESS_CLIENTS = ("browser",)
HEADLESS_FRONTEND_URLS: dict[str, str] = {}
MFA_ALLOW_UNVERIFIED_EMAIL = True
#: Second factors of administrators and of roles that see class 4: "required" before anything else, or "offered" (ADR 16).
TWO_FACTORS = VALUES.mfa or "offered"
MFA_ADAPTER = "core.accounts.adapters.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_TOLERANCE = 1  # steps of 30 s: phones without network time drift
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_RATE_LIMITS = {"webauthn_login": None}  # nothing to guess there; a hospital is one address

AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = "core.accounts.domain.lockout.parameters"
AXES_USERNAME_CALLABLE = "core.api.signin.lockout_name"
AXES_LOCKOUT_CALLABLE = "core.api.signin.locked_answer"
AXES_RESET_ON_SUCCESS = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
AXES_IPWARE_PROXY_COUNT = 0

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600
#: Signed out after so long without use, minutes; `PRIVILEGED`: who administers or sees class 4.
IDLE_MINUTES = VALUES.idle_minutes
IDLE_MINUTES_PRIVILEGED = min(VALUES.idle_minutes_privileged, VALUES.idle_minutes)
#: Days that a code of accounts opened for many at once is good (core.accounts.domain.opening).
INITIAL_CODE_DAYS = VALUES.initial_code_days
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = VALUES.https
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "core.api.signin.csrf_failure"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:", "blob:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "manifest-src": [SELF],
    }
}

LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", "简体中文")]
TIME_ZONE = "Asia/Shanghai"
USE_TZ = True
USE_I18N = True
LOCALE_PATHS = [ROOT / "site" / "locale"]

STATIC_URL = "/static/"
STATIC_ROOT = HOME / "static"
STATICFILES_DIRS = [("site", ROOT / "site" / "dist")]
MEDIA_ROOT = HOME / "media"
MEDIA_URL = "/media-not-served/"
FILE_UPLOAD_TEMP_DIR = None
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000
WHITENOISE_IMMUTABLE_FILE_TEST = r"^.+/site/assets/.+$"  # Vite has hashed these names already
SITE_DIST = ROOT / "site" / "dist"

#: Routers of packages that nobody may import (`search`), mounted below /api/v1/h/<hospital>.
API_ROUTERS: list[str] = ["search.http.router"]
#: Wagtail's own API v2 at /api/v2/pages/, for clients that know it: public pages only.
WAGTAIL_API = VALUES.wagtail_api
if WAGTAIL_API:
    INSTALLED_APPS += ["wagtail.api.v2", "rest_framework"]
REST_FRAMEWORK = {"DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"]}
#: Other websites whose scripts may read public answers of the pages' API (no cookies, reading only).
API_ORIGINS = [origin.strip().rstrip("/") for origin in VALUES.api_origins.split(",") if origin.strip()]
#: Address of Elasticsearch; empty: the embedded search alone.
SEARCH_URL = VALUES.search_url
#: Folder of a scratch corpus; set by `search evaluate` alone.
SEARCH_CORPUS = VALUES.search_corpus

WAGTAIL_SITE_NAME = "清廉"
WAGTAILADMIN_BASE_URL = f"http://127.0.0.1:{VALUES.port}"
WAGTAIL_ENABLE_UPDATE_CHECK = False
WAGTAIL_ENABLE_WHATS_NEW_BANNER = False
WAGTAIL_GRAVATAR_PROVIDER_URL = None
WAGTAILADMIN_LOGIN_URL = "/admin/gate/"
WAGTAILADMIN_PERMITTED_LANGUAGES = [("zh-hans", "简体中文")]
WAGTAIL_CONTENT_LANGUAGES = LANGUAGES
WAGTAIL_PASSWORD_RESET_ENABLED = False
WAGTAIL_PASSWORD_MANAGEMENT_ENABLED = False
WAGTAIL_EMAIL_MANAGEMENT_ENABLED = False
WAGTAILDOCS_SERVE_METHOD = "serve_view"
WAGTAIL_AUTOSAVE_INTERVAL = 3000  # ms; the default of 500 writes twice a second for each open editor
WAGTAIL_FINISH_WORKFLOW_ACTION = "core.cms.finish.publish_approved"
WAGTAIL_WORKFLOW_REQUIRE_REAPPROVAL_ON_EDIT = True
WAGTAILDOCS_DOCUMENT_MODEL = "cms.CmsDocument"
WAGTAILIMAGES_IMAGE_MODEL = "cms.CmsImage"
WAGTAILIMAGES_EXTENSIONS = ["gif", "jpg", "jpeg", "png", "webp"]  # no SVG: it can hold script
WAGTAILIMAGES_IMAGE_FORM_BASE = "core.cms.uploads.PictureForm"
WAGTAILIMAGES_MAX_IMAGE_PIXELS = 60_000_000

HUEY: dict[str, object] = {
    "name": "qinglian",
    "results": True,
    "immediate": False,
    "consumer": {
        "workers": VALUES.workers,
        "worker_type": "process",
        "initial_delay": 0.1,
        "backoff": 1.15,
        "max_delay": 0.25,
        "scheduler_interval": 1,
        "periodic": False,
        "check_worker_health": True,
        "health_check_interval": 2,
    },
}
if VALUES.redis_url:
    HUEY |= {"huey_class": "huey.RedisHuey", "connection": {"url": redis_address(VALUES.redis_url)}}
    CACHES = {
        "default": {
            "BACKEND": "core.kernel.softcache.SoftRedisCache",
            "LOCATION": VALUES.redis_url,
            "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1, "retry": None},
        }
    }
else:
    HUEY |= {"huey_class": "huey.SqliteHuey", "filename": str(HOME / "queue.sqlite3")}
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
TASKS = {"default": {"BACKEND": "huey.contrib.djhuey.tasks_backend.HueyBackend", "ENQUEUE_ON_COMMIT": True}}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": VALUES.log_level.upper()},
    "loggers": {
        "django.request": {"level": "ERROR"},
        "axes": {"level": "WARNING"},
        "elastic_transport": {"level": "WARNING"},  # names each request
        "wagtail": {"level": "WARNING"},  # names each draft it saves
    },
}

#: Bearer token of the monitoring system that reads /metrics; empty: only this machine may.
METRICS_TOKEN = VALUES.metrics_token

EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
_mail = mail(VALUES.mail_url)
EMAIL_HOST, EMAIL_PORT = _mail.host, _mail.port  # without a host no mail is sent
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail.user, _mail.password
EMAIL_USE_TLS, EMAIL_USE_SSL = _mail.starttls, _mail.tls
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = VALUES.mail_from or f"qinglian@{EMAIL_HOST or 'localhost'}"
#: Address of the site as people reach it, in mails and WeCom messages; empty: messages carry no link.
PUBLIC_URL = VALUES.public_url
#: Where WeCom's interface answers.
WECOM_URL = VALUES.wecom_url

#: Where the daily backup goes.
BACKUP_DIR = VALUES.backup_dir or HOME / "backups"
#: From which hour (Shanghai) it is made, and how many stay.
REASON_ROWS = VALUES.reason_rows
BACKUP_HOUR, BACKUP_KEEP = VALUES.backup_hour, VALUES.backup_keep
#: Another place for the heads of the sealed log, such as a share of another machine; None: none.
HEAD_COPY = VALUES.head_copy

#: Where plugins are read from; tests add their dummy plugins.
PLUGIN_FOLDERS = [ROOT / "plugins"]
