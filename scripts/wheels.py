"""Downloads every pinned dependency of the default part into a folder, for machines without a network."""

import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.environment import CONSTRAINTS, ensure, requirements
from scripts.say import Stop, run, say


def wheels() -> int:
    """Fill the folder named on the command line (default `wheels`)."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "wheels")
    python = ensure()
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as needs:
        needs.write("\n".join(requirements(["production"])) + "\n")
        needs.flush()
        command: list[str | Path] = [python, "-m", "pip", "wheel", "--quiet", "--prefer-binary"]
        command += ["--wheel-dir", folder]
        done = subprocess.run([*command, "--constraint", str(CONSTRAINTS), "--requirement", needs.name])
    if done.returncode:
        raise Stop("下载没有完成，请检查网络")
    say(f"{len(list(folder.glob('*.whl')))} 个安装包在 {folder}")
    return 0


if __name__ == "__main__":
    run(wheels)
