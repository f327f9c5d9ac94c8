"""What the triggers leave out: whole tables, secret columns, and columns too busy to log. Each with its reason."""

import re

from django.apps import apps
from django.db.models import Model

from core.vault.fields import EqualityField, SealedField

#: Table → why it has no triggers. A table not named here has them.
EXEMPT: dict[str, str] = {
    "audit_change": "the record itself; sealed",
    "audit_event": "the record itself; sealed",
    "audit_leaf": "the sealed log itself",
    "audit_head": "the sealed log itself, signed",
    "audit_sealer": "progress of the sealer, recomputed by verify",
    "audit_readingday": "derived: counted from the sealed events; what is noted on it is an event itself",
    "django_session": "written on every sign-in without an actor; holds session secrets",
    "axes_accessattempt": "counts failed sign-ins of unknown people",
    "axes_accessattemptexpiration": "counts failed sign-ins of unknown people",
    "axes_accessfailurelog": "counts failed sign-ins of unknown people",
    "axes_accesslog": "is a log itself",
    "jobs_outbox": "passing rows; what they announce is recorded",
    "django_tasks_database_dbtaskresult": "queue traffic; the job row is recorded",
    "huey_monitor_taskmodel": "queue traffic; the job row is recorded",
    "wagtailsearch_indexentry": "derived: the search index",
    "wagtailsearch_indexentry_fts": "derived: the search index; a virtual table cannot have triggers",
    "wagtailsearch_sqliteftsindexentry": "derived: the search index; a virtual table cannot have triggers",
    "django_content_type": "derived from code by migrate and by test flush",
    "auth_permission": "derived from code by migrate and by test flush",
    "wagtailcore_revision": "is a history itself",
    "wagtailcore_referenceindex": "derived: rebuilt by background tasks",
    "wagtailadmin_editingsession": "written by a GET: who has a page open",
    "wagtailimages_rendition": "derived: written by a GET that first shows a picture",
    "wagtailembeds_embed": "derived: a cache",
    "cms_cmsrendition": "derived: written by a GET that first shows a picture",
    "cms_previewtext": "passing rows: texts on their way to a preview, swept after an hour",
    "search_pending": "derived: changes that an engine could not take yet",
    "search_ready": "derived: how far each search engine has come",
    "lake_lakecode": "derived: numbers for codes, up to a million rows in one import",
    "django_migrations": "written while the triggers are off; migrations are recorded as events",
}

#: Table → columns whose value is never logged (a model of ours names its own in `audit_secret`).
SECRET: dict[str, tuple[str, ...]] = {
    "mfa_authenticator": ("data",),
    "account_emailconfirmation": ("key",),
    "wagtailcore_pageviewrestriction": ("password",),
    "wagtailcore_collectionviewrestriction": ("password",),
}

#: Column names that are secret in whatever table, so that a new library cannot leak by being forgotten.
SECRET_NAMES = re.compile(
    r"password|passwd|secret|token|session_key|session_hash|private_key|api_key|recovery"
)

#: Table → columns whose change alone writes no row (leases, progress): several a second while a job runs.
QUIET: dict[str, tuple[str, ...]] = {
    "jobs_job": (
        "queued_at",
        "progress_done",
        "progress_total",
        "progress_note",
        "checkpoint",
        "lease_until",
        "lease_owner",
        "message_id",
    ),
    "jobs_schedule": ("last_at", "due_at"),
    "accounts_device": ("seen_at",),
    "accounts_factorsecret": ("last_step",),
    "accounts_robottoken": ("last_used_at",),
}

#: What stands in the log for a secret value. A mark, not an HMAC: a trigger on PostgreSQL has no key without pgcrypto.
MARK = "（已更改）"


def is_exempt(table: str) -> bool:
    """Whether a table has no triggers."""
    return table in EXEMPT


def secret_columns(model: type[Model], columns: list[str]) -> list[str]:
    """Columns of the model's table that are logged as a mark: named here, by pattern, in `audit_secret`, or sealed."""
    meta = model._meta
    own = {meta.get_field(name).column for name in getattr(model, "audit_secret", ())}
    sealed = {field.column for field in meta.local_fields if isinstance(field, (SealedField, EqualityField))}
    named = own | sealed | set(SECRET.get(meta.db_table, ()))
    return [column for column in columns if column in named or SECRET_NAMES.search(column)]


def exempt_tables_unknown() -> list[str]:
    """Exempt names that no installed model has (optional parts, virtual tables): for the reviewing test."""
    known = {model._meta.db_table for model in apps.get_models(include_auto_created=True)}
    return [table for table in EXEMPT if table not in known]
