"""The line between a game server and the shop. It carries everything as it is until a test has it
meddle: whoever owns the server's hosts file can do all of this, as no certificate is checked."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


@dataclass
class Passed:
    """A question and the shop's answer to it, as they passed."""

    question: dict[str, Any]
    status: int
    answer: dict[str, Any]


Meddling = Callable[[Passed], tuple[int, bytes]]


class Wire:
    """Stands in front of the shop. `meddle` turns what passes into what arrives; `delay` holds the
    answers back for some seconds; `is_cut` lets nothing through."""

    def __init__(self, shop_url: str) -> None:
        self.meddle: Meddling | None = None
        self.delay, self.is_cut = 0.0, False
        self.passed: list[Passed] = []
        self._shop = urlsplit(shop_url)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def mend(self) -> None:
        """Carry everything again, and forget what passed."""
        self.meddle, self.delay, self.is_cut = None, 0.0, False
        self.passed.clear()

    def close(self) -> None:
        """Take it down."""
        self._server.shutdown()
        self._server.server_close()

    def carry(
        self, method: str, path: str, body: bytes, headers: dict[str, str], address: str
    ) -> tuple[int, bytes]:
        """One question to the shop and back, by the address it came from."""
        connection = http.client.HTTPConnection(
            str(self._shop.hostname), self._shop.port, timeout=30, source_address=(address, 0)
        )
        try:
            connection.request(method, path, body or None, headers)
            reply = connection.getresponse()
            return self._arrived(body, reply.status, reply.read())
        finally:
            connection.close()

    def _arrived(self, asked: bytes, status: int, answered: bytes) -> tuple[int, bytes]:
        passed = Passed(json.loads(asked or b"{}"), status, json.loads(answered))
        self.passed.append(passed)
        return self.meddle(passed) if self.meddle else (status, answered)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        wire = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self._carry()

            def do_GET(self) -> None:
                self._carry()

            def _carry(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if wire.is_cut:
                    self.close_connection = True
                    return
                headers = {
                    name: value
                    for name, value in self.headers.items()
                    if name.lower() not in ("content-length", "connection")
                }
                status, answer = wire.carry(
                    self.command, self.path, body, headers, self.client_address[0]
                )
                time.sleep(wire.delay)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        return Handler
