"""Load over 32 connections by one thread that waits for all of them at once: light enough to leave
the cores to what is measured, where `wrk` is not installed, and able to ask about another key each
time, which `wrk` is not."""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from urllib.parse import urlsplit

from tests.bench.load import CONNECTIONS, Load

Body = Mapping[str, str] | None


def request(url: str, body: Body, *, address: str | None = None) -> bytes:
    """The bytes of one request, as from this address."""
    parts = urlsplit(url)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    content = b"" if body is None else json.dumps(body).encode()
    head = f"{'GET' if body is None else 'POST'} {path} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
    if address:
        head += f"X-Forwarded-For: {address}\r\n"
    if body is not None:
        head += f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
    return f"{head}\r\n".encode() + content


def flood(url: str, requests: Sequence[bytes], *, seconds: float) -> Load:
    """Send them round and round for so long; what came of it."""
    parts = urlsplit(url)
    asked = cycle(requests)
    lines = [_Line(parts.hostname or "", parts.port or 80) for _ in range(CONNECTIONS)]
    poll = select.epoll()
    by_number = {line.socket.fileno(): line for line in lines}
    for number, line in by_number.items():
        poll.register(number, select.EPOLLIN)
        line.send(next(asked))
    times: list[float] = []
    failures, until = 0, time.perf_counter() + seconds
    while time.perf_counter() < until:
        for number, _ in poll.poll(1):
            line = by_number[number]
            status = line.receive()
            if status is None:
                continue
            times.append(time.perf_counter() - line.began)
            failures += status >= 400
            line.send(next(asked))
    for line in lines:
        line.socket.close()
    times.sort()
    slowest = times[int(len(times) * 0.99)] * 1000 if times else 0.0
    return Load(len(times) / seconds, slowest, failures)


class _Line:
    """One connection with one request under way."""

    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.create_connection((host, port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.began = 0.0
        self._got = b""

    def send(self, data: bytes) -> None:
        self._got, self.began = b"", time.perf_counter()
        self.socket.sendall(data)

    def receive(self) -> int | None:
        """The status once the whole answer is there."""
        part = self.socket.recv(65536)
        if not part:
            raise ConnectionError("the server hung up")
        self._got += part
        head, end, body = self._got.partition(b"\r\n\r\n")
        if not end:
            return None
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        return int(head[9:12]) if len(body) >= length else None


def addresses() -> Iterator[str]:
    """Addresses of game servers, one after another."""
    for number in range(1 << 24):
        yield f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
