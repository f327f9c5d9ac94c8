#!/usr/bin/env python
"""Command-line entry. Every command writes as the actor `command:<name>`, so the audit triggers know who it was."""

import os
import sys


def main() -> None:
    """Run a management command under a named actor."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "core.settings.embedded")
    from core.settings.values import BadSetting

    try:
        from django.core.management import execute_from_command_line

        from core.kernel.context import Actor, actor_scope

        if sys.argv[1:3] == ["plugins", "doctor"]:  # before Django loads any plugin
            from core.plugin_host.doctor import main as doctor

            sys.exit(doctor(sys.argv[3:]))
        name = sys.argv[1] if len(sys.argv) > 1 else "help"
        with actor_scope(Actor("command", name, f"命令行 {name}")):
            execute_from_command_line(sys.argv)
    except BadSetting as error:
        sys.exit(f"无法启动：{error}")


if __name__ == "__main__":
    main()
