"""Writes constraints.txt from what `.venv` holds. Keeps lines with a marker: packages another Python needs."""

import subprocess

from scripts.environment import CONSTRAINTS, PYTHON
from scripts.say import run


def pin() -> int:
    """Pin every installed distribution except the project itself."""
    text = CONSTRAINTS.read_text(encoding="utf-8").splitlines()
    kept = [line for line in text if line.startswith("#") or ";" in line]
    names = {line.partition("==")[0].lower() for line in kept if ";" in line}
    command = [str(PYTHON), "-m", "pip", "freeze", "--exclude-editable"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    found = [line for line in lines if "==" in line and line.partition("==")[0].lower() not in names]
    comments = [line for line in kept if line.startswith("#")]
    pins = sorted([*found, *(line for line in kept if ";" in line)], key=str.lower)
    CONSTRAINTS.write_text("\n".join([*comments, *pins]) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    run(pin)
