"""The committed nginx configuration in front of a running app, on free ports with a certificate of its own."""

import http.client
import re
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.environment import ROOT
from scripts.stack import free_port
from tests.faults.observatory import Page

CONFIG = ROOT / "deploy" / "nginx" / "qinglian.conf"
HOST = "127.0.0.1"


@dataclass
class Front:
    """Where the front listens."""

    plain: int
    tls: int

    def get(
        self, path: str, headers: dict[str, str] | None = None
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """Over TLS. The certificate is our own, so its chain is not asked for."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        line = http.client.HTTPSConnection(HOST, self.tls, timeout=60, context=context)
        try:
            line.request("GET", path, headers={"Host": HOST, **(headers or {})})
            answer = line.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            line.close()

    def redirect(self, path: str) -> str:
        """Where plain HTTP sends us."""
        line = http.client.HTTPConnection(HOST, self.plain, timeout=20)
        try:
            line.request("GET", path, headers={"Host": HOST})
            return line.getresponse().getheader("Location") or ""
        finally:
            line.close()

    def page(self, path: str) -> Page:
        """What the score is computed from."""
        _, headers, body = self.get(path)
        return Page(headers, body.decode(errors="replace"), self.redirect(path), HOST)


@contextmanager
def front(app_port: int) -> Iterator[Front]:
    """nginx with deploy/nginx/qinglian.conf, ports and certificate changed; ended with the block."""
    with tempfile.TemporaryDirectory(prefix="qinglian-front-") as folder:
        plain, tls = free_port(), free_port()
        _certificate(Path(folder))
        text = CONFIG.read_text(encoding="utf-8")
        text = text.replace("/etc/qinglian/tls", folder).replace("qinglian.example.cn", HOST)
        text = text.replace("server 127.0.0.1:8000", f"server 127.0.0.1:{app_port}")
        text = re.sub(r"\n\s*listen \[::\]:[^;]+;", "", text)
        text = text.replace("listen 80;", f"listen {HOST}:{plain};")
        text = text.replace("listen 443 ssl", f"listen {HOST}:{tls} ssl")
        main = "daemon off; worker_processes 1; error_log stderr warn; pid nginx.pid;\n"
        places = "".join(
            f"    {kind}_temp_path {kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        body = f"{main}events {{}}\nhttp {{\n    access_log off;\n{places}{text}\n}}\n"
        (Path(folder) / "nginx.conf").write_text(body, encoding="utf-8")
        command = ["nginx", "-p", folder, "-c", f"{folder}/nginx.conf"]
        tested = subprocess.run([*command, "-t"], capture_output=True, text=True)
        assert tested.returncode == 0, tested.stderr
        with (Path(folder) / "log").open("wb") as log:
            child = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            found, until = Front(plain, tls), time.monotonic() + 20
            while True:
                try:
                    found.redirect("/")
                    break
                except OSError:
                    assert child.poll() is None and time.monotonic() < until, (
                        Path(folder) / "log"
                    ).read_text()
                    time.sleep(0.1)
            yield found
        finally:
            child.terminate()
            child.wait(15)


def _certificate(folder: Path) -> None:
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=127.0.0.1",
    ]
    command += ["-keyout", f"{folder}/privkey.pem", "-out", f"{folder}/fullchain.pem"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
