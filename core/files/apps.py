"""The room of stored files."""

from django.apps import AppConfig


class FilesConfig(AppConfig):
    """文件"""

    name = "core.files"
    label = "files"
    verbose_name = "文件"
