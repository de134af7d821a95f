"""Carrying a signed message to somebody else's server, without ever reaching one of our own.

The name is looked up once, all its addresses are checked, and the connection is made to one of
them, while TLS and the Host header go by the name (no second look-up, so no DNS rebinding). No
proxy, no redirect, no cookie; ten seconds in all, from the look-up to the last byte that is read.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as LookupTimeout
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from ipaddress import ip_address
from typing import Final, Protocol

from storefront.db import forbid_open_transaction
from storefront.errors import Invalid
from storefront.providers.targets import Address, Target, is_public, read_target

TIMEOUT_SECONDS: Final = 10.0
ANSWER_BYTES: Final = 1024
LONGEST_RETRY_AFTER: Final = 24 * 3600
MOST_ADDRESSES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How one attempt went. Either `status` is there, with the first bytes of the answer as text,
    or `error` says why there is none: a code of our own, for people to read."""

    status: int | None = None
    error: str = ""
    duration_ms: int = 0
    body: str = ""
    retry_after: int | None = None

    @property
    def is_success(self) -> bool:
        """2xx and nothing else: a redirect is a failure, too (Standard Webhooks 1.0)."""
        return self.status is not None and 200 <= self.status < 300


class Courier(Protocol):
    """Who can carry a message."""

    def check(self, url: str) -> None:
        """Whether that may be written to at all, without the network. Raises Invalid."""
        ...

    def send(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
        """POST it once. Raises nothing for whatever the other side does."""
        ...


Resolve = Callable[[str, int], Sequence[Address]]


class HttpCourier:
    """Over HTTP/1.1 with the standard library. `sandbox` is the one origin that may be local and
    plain: where the outside world of demo and tests answers. Never set in production."""

    def __init__(
        self,
        *,
        sandbox: Target | None = None,
        resolve: Resolve | None = None,
        is_allowed: Callable[[Address], bool] = is_public,
        context: ssl.SSLContext | None = None,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        self._sandbox = sandbox
        self._resolve = resolve or look_up
        self._is_allowed = is_allowed
        self._context = context or ssl.create_default_context()
        self._timeout = timeout

    def check(self, url: str) -> None:
        """See Courier."""
        read_target(url, sandbox=self._sandbox)

    def send(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
        """See Courier."""
        forbid_open_transaction("a webhook endpoint")
        began = time.monotonic()
        try:
            target = read_target(url, sandbox=self._sandbox)
            answer = self._send(target, headers, body, deadline=began + self._timeout)
        except Invalid as refusal:
            answer = Answer(error=refusal.code)
        except (TimeoutError, LookupTimeout):
            answer = Answer(error="timeout")
        except ssl.SSLCertVerificationError:
            answer = Answer(error="bad_certificate")
        except socket.gaierror:
            answer = Answer(error="unknown_host")
        except (OSError, HTTPException, UnicodeError, ValueError) as error:
            late = time.monotonic() - began >= self._timeout
            answer = Answer(error="timeout" if late else _reason(error))
        spent = round((time.monotonic() - began) * 1000)
        return Answer(
            status=answer.status,
            error=answer.error,
            duration_ms=spent,
            body=answer.body,
            retry_after=answer.retry_after,
        )

    def _send(
        self, target: Target, headers: Mapping[str, str], body: bytes, *, deadline: float
    ) -> Answer:
        addresses = self._addresses(target, deadline)
        connection = _Pinned(target, addresses, self._context, deadline)
        try:
            connection.connect()
            with _cut_off(connection.sock, deadline):
                connection.request("POST", target.path, body=body, headers=dict(headers))
                return _read(connection.getresponse())
        finally:
            connection.close()

    def _addresses(self, target: Target, deadline: float) -> Sequence[Address]:
        """Raises Invalid `url_not_public` when any of its addresses is not public: a name that has
        both kinds is a trap."""
        found = _within(deadline, lambda: self._resolve(target.host, target.port))
        is_sandbox = self._sandbox is not None and target.origin == self._sandbox.origin
        if not is_sandbox and not all(self._is_allowed(address) for address in found):
            raise Invalid("url_not_public")
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "no address")
        return found[:MOST_ADDRESSES]


def look_up(host: str, port: int) -> Sequence[Address]:
    """Every address of a name, by the system's resolver, in its order. Raises gaierror."""
    rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    # An IPv6 address may come with its zone, which only link-local ones have: those are refused.
    found = (ip_address(str(row[4][0]).partition("%")[0]) for row in rows)
    return list(dict.fromkeys(found))


class _Pinned(HTTPConnection):
    """Connects to the addresses that were checked, whatever the name is by then."""

    def __init__(
        self,
        target: Target,
        addresses: Sequence[Address],
        context: ssl.SSLContext,
        deadline: float,
    ) -> None:
        super().__init__(target.host, target.port)
        # Decides whether the Host header names the port.
        self.default_port = 443 if target.is_secure else 80
        self._target = target
        self._addresses = addresses
        self._context = context
        self._deadline = deadline

    def connect(self) -> None:
        """Try them in turn. Raises the last failure."""
        failure: OSError = OSError("no address")
        for address in self._addresses:
            try:
                self.sock = self._open(address)
                return
            except OSError as error:
                failure = error
        raise failure

    def _open(self, address: Address) -> socket.socket:
        sock = socket.create_connection((str(address), self._target.port), _left(self._deadline))
        try:
            # One limit for the whole handshake, unlike for reads and writes.
            sock.settimeout(_left(self._deadline))
            if not self._target.is_secure:
                return sock
            return self._context.wrap_socket(sock, server_hostname=self._target.host)
        except BaseException:
            sock.close()
            raise


@contextmanager
def _cut_off(sock: socket.socket, deadline: float) -> Iterator[None]:
    """End a conversation at its deadline, however slowly the other side keeps talking: a timeout
    of the socket begins anew with every byte."""

    def cut() -> None:
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    timer = threading.Timer(_left(deadline), cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
    if time.monotonic() >= deadline:
        raise TimeoutError


def _within(deadline: float, work: Callable[[], Sequence[Address]]) -> Sequence[Address]:
    """A look-up has no timeout of its own; one that hangs is left behind in its thread."""
    pool = ThreadPoolExecutor(1)
    try:
        return pool.submit(work).result(timeout=_left(deadline))
    finally:
        pool.shutdown(wait=False)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _read(response: HTTPResponse) -> Answer:
    body = response.read(ANSWER_BYTES).decode("utf-8", "replace").replace("\0", "\ufffd")
    after = (response.getheader("Retry-After") or "").strip()
    return Answer(
        status=response.status,
        body=body,
        retry_after=(
            min(int(after), LONGEST_RETRY_AFTER)
            if after.isascii() and after.isdecimal() and len(after) < 10
            else None
        ),
    )


def _reason(error: Exception) -> str:
    match error:
        case ConnectionRefusedError():
            return "refused"
        case ssl.SSLError():
            return "tls"
        case HTTPException() | UnicodeError() | ValueError():
            return "not_http"
        case _other:
            return "broken"
