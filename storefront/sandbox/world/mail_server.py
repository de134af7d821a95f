"""An SMTP server that keeps every mail in the inbox instead of sending it on."""

import asyncio
import contextlib
import logging
import socket
import threading
import warnings
from collections.abc import Coroutine
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from storefront.sandbox.world.state import SMTP_PASSWORD, SMTP_USER, World

LARGEST_MAIL_BYTES = 10 * 1024 * 1024

# The library logs a warning of its own ways for every connection.
logging.getLogger("mail.log").setLevel(logging.ERROR)


class MailServer:
    """Takes over a listening socket in a thread of its own until `close`."""

    def __init__(self, world: World, listener: socket.socket) -> None:
        self._world = world
        self._loop = asyncio.new_event_loop()
        self._address: tuple[str, int] = listener.getsockname()
        self._server: asyncio.Server | None = None
        self._thread = threading.Thread(target=self._run, name="smtp", daemon=True)
        self._thread.start()
        self._do(self._listen(listener))

    @property
    def port(self) -> int:
        return self._address[1]

    def set_down(self, is_down: bool) -> None:
        """Stop listening, so that a connection is refused, or listen again on the same port."""
        if is_down and self._server is not None:
            self._do(self._stop())
        elif not is_down and self._server is None:
            self._do(self._listen(socket.create_server(self._address)))

    def close(self) -> None:
        self.set_down(True)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=1)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        with contextlib.suppress(RuntimeError):
            self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=5)

    async def _listen(self, listener: socket.socket) -> None:
        self._server = await self._loop.create_server(self._speak, sock=listener)

    async def _stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def _speak(self) -> SMTP:
        with warnings.catch_warnings():
            # It warns of a sign-in without TLS, which is what a loopback has.
            warnings.simplefilter("ignore", UserWarning)
            return SMTP(
                _Postbox(self._world),
                data_size_limit=LARGEST_MAIL_BYTES,
                enable_SMTPUTF8=True,
                hostname="sandbox",
                auth_required=True,
                auth_require_tls=False,
                authenticator=_sign_in,
                loop=self._loop,
            )


def _sign_in(
    _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: object
) -> AuthResult:
    is_known = (
        isinstance(given, LoginPassword)
        and given.login == SMTP_USER.encode()
        and given.password == SMTP_PASSWORD.encode()
    )
    return AuthResult(success=is_known, handled=False)


class _Postbox:
    """Refusals as asked: 550 for the recipient (for good), 451 for the data (try again)."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self._world.mail.refuse == "550":
            return "550 5.1.1 No such mailbox here"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        if self._world.mail.refuse == "451":
            return "451 4.3.0 Try again later"
        # Whoever hangs up meanwhile has handed over nothing: the library ends this call then.
        await asyncio.sleep(self._world.mail.delay_ms / 1000)
        content = envelope.content or b""
        self._world.store.run(
            "INSERT INTO mails (received, sender, recipients, raw) VALUES (?, ?, ?, ?)",
            self._world.clock(),
            envelope.mail_from or "",
            ", ".join(envelope.rcpt_tos),
            content if isinstance(content, bytes) else content.encode(),
        )
        return "250 2.0.0 Kept in the sandbox"
