"""Two real servers on loopback: an SMTP sink, and WeCom as the vendor's documents describe it. No mocks."""

import asyncio
import base64
import email
import email.policy
import json
import threading
import time
from collections.abc import Callable
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit


class MailSink:
    """Speaks enough of RFC 5321. `refuse`: address → answer to RCPT; `after_data`: called when a mail was taken."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.envelopes: list[tuple[str, list[str]]] = []
        self.refuse: dict[str, str] = {}
        self.data_answer = "250 2.0.0 taken"
        self.after_data: Callable[[], None] = lambda: None
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._ready = threading.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *unused: Any) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def texts(self) -> list[str]:
        """The bodies as a reader sees them."""
        return [mail.get_content() for mail in self.mails]

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._talk, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def say(line: str) -> None:
            writer.write(line.encode() + b"\r\n")

        say("220 sink ESMTP")
        sender, recipients = "", []
        try:
            while line := await reader.readline():
                text = line.decode().strip()
                verb = text.split(" ")[0].upper()
                if verb in {"EHLO", "HELO"}:
                    say("250 sink")
                elif verb == "MAIL":
                    sender, recipients = text.split("<")[1].split(">")[0], []
                    say("250 ok")
                elif verb == "RCPT":
                    address = text.split("<")[1].split(">")[0]
                    answer = self.refuse.get(address, "250 ok")
                    if answer.startswith("250"):
                        recipients.append(address)
                    say(answer)
                elif verb == "DATA":
                    say("354 go on")
                    data = b""
                    while (part := await reader.readline()) != b".\r\n":
                        data += part[1:] if part.startswith(b"..") else part
                    if self.data_answer.startswith("250"):
                        self.envelopes.append((sender, recipients))
                        found: Any = email.message_from_bytes(data, policy=email.policy.default)
                        self.mails.append(found)
                        self.after_data()
                    say(self.data_answer)
                elif verb == "QUIT":
                    say("221 bye")
                    break
                else:
                    say("250 ok")
                await writer.drain()
        except (ConnectionError, IndexError):
            pass
        writer.close()


class WeCom:
    """gettoken and message/send (documents 91039 and 90236), with their error codes (90455).

    `inbox` holds what members really get: (userid, message). A repeated body within the interval is answered and not
    delivered again. `unknown`: userids nobody has; `limited`: that many next sends answer 45009.
    """

    corp, agent, secret = "ww0example", 1000002, "secret-of-the-application"

    def __init__(self) -> None:
        self.inbox: list[tuple[str, dict[str, Any]]] = []
        self.requests: list[dict[str, Any]] = []
        self.unknown: set[str] = set()
        self.unlicensed: set[str] = set()
        self.limited = 0
        self.busy = 0
        self.http_errors = 0
        self.tokens_given = 0
        self.stale_code = 40014
        self.after_delivery: Callable[[], None] = lambda: None
        self._token = ""
        self._seen: dict[bytes, float] = {}
        handler = type("Handler", (_Handler,), {"wecom": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *unused: Any) -> None:
        self._server.shutdown()
        self._server.server_close()

    def withdraw_token(self, code: int = 40014) -> None:
        """The vendor may end a token before its time; an expired one answers 42001."""
        self._token, self.stale_code = "", code

    def got(self, user: str) -> list[dict[str, Any]]:
        """What one member received."""
        return [message for name, message in self.inbox if name == user]

    def token(self, query: dict[str, list[str]]) -> dict[str, Any]:
        """GET /cgi-bin/gettoken."""
        if query.get("corpid") != [self.corp]:
            return {"errcode": 40013, "errmsg": "invalid corpid"}
        if query.get("corpsecret") != [self.secret]:
            return {"errcode": 40001, "errmsg": "invalid credential"}
        self.tokens_given += 1
        if not self._token:
            self._token = f"token-{self.tokens_given}-" + base64.b64encode(b"x" * 200).decode()
        return {"errcode": 0, "errmsg": "ok", "access_token": self._token, "expires_in": 7200}

    def send(self, query: dict[str, list[str]], body: bytes) -> dict[str, Any]:
        """POST /cgi-bin/message/send."""
        if query.get("access_token") != [self._token] or not self._token:
            return {"errcode": self.stale_code, "errmsg": "invalid access_token"}
        message = json.loads(body)
        self.requests.append(message)
        if self.limited:
            self.limited -= 1
            return {"errcode": 45009, "errmsg": "api freq out of limit"}
        if self.busy:
            self.busy -= 1
            return {"errcode": -1, "errmsg": "system busy"}
        if message.get("agentid") != self.agent:
            return {"errcode": 40056, "errmsg": "invalid agentid"}
        users = message["touser"].split("|")
        if len(users) > 1000:
            return {"errcode": 40032, "errmsg": "too many users"}
        kind = message["msgtype"]
        if kind == "textcard" and not all(message[kind].get(k) for k in ("title", "description", "url")):
            return {"errcode": 41010, "errmsg": "missing url"}
        bad = [u for u in users if u in self.unknown]
        free = [u for u in users if u in self.unlicensed]
        good = [u for u in users if u not in self.unknown and u not in self.unlicensed]
        if not good and not free:
            return {"errcode": 81013, "errmsg": "user & party & tag all invalid"}
        seen = self._seen.get(body)
        checks = message.get("enable_duplicate_check") == 1
        interval = message.get("duplicate_check_interval", 1800)
        assert interval <= 4 * 3600, "the documents allow four hours at most"
        if not (checks and seen is not None and time.monotonic() - seen < interval):
            self._seen[body] = time.monotonic()
            self.inbox += [(user, message) for user in good]
        answer = {"errcode": 0, "errmsg": "ok", "msgid": f"m{len(self.requests)}"}
        if bad:
            answer["invaliduser"] = "|".join(u.lower() for u in bad)
        if free:
            answer["unlicenseduser"] = "|".join(u.lower() for u in free)
        self.after_delivery()
        return answer


class _Handler(BaseHTTPRequestHandler):
    wecom: WeCom

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self._answer(self.wecom.token(parse_qs(parts.query)) if parts.path == "/cgi-bin/gettoken" else None)

    def do_POST(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.wecom.http_errors:
            self.wecom.http_errors -= 1
            self.send_error(502)
            return
        known = parts.path == "/cgi-bin/message/send"
        self._answer(self.wecom.send(parse_qs(parts.query), body) if known else None)

    def _answer(self, found: dict[str, Any] | None) -> None:
        data = json.dumps(found or {"errcode": 404, "errmsg": "unknown path"}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        try:
            self.wfile.write(data)
        except ConnectionError:
            pass

    def log_message(self, *unused: Any) -> None:
        """Silent."""
