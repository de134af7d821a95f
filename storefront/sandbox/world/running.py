"""Start and stop the stand-ins inside a process: what the command and the tests share."""

import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from storefront.sandbox.world.discord_users import seed_users
from storefront.sandbox.world.mail_server import MailServer
from storefront.sandbox.world.s3 import S3Server
from storefront.sandbox.world.state import (
    DISCORD_BOT_TOKEN,
    DISCORD_CLIENT_ID,
    DISCORD_CLIENT_SECRET,
    DISCORD_GUILD_ID,
    S3_ACCESS_KEY,
    S3_BUCKET,
    S3_SECRET_KEY,
    SMTP_PASSWORD,
    SMTP_USER,
    STRIPE_SECRET_KEY,
    STRIPE_WEBHOOK_SECRET,
    World,
)
from storefront.sandbox.world.storage import Store
from storefront.sandbox.world.stripe_webhooks import hurry, run_courier
from storefront.sandbox.world.web import create_web

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

LOOPBACK = ("127.0.0.1", "localhost")
POLL_S = 0.02


class RefusedToStart(Exception):
    """The sandbox must not run here; the message says why."""


@dataclass(frozen=True)
class RunningSandbox:
    """Every address and key that the shop needs to use the sandbox as its outside world."""

    url: str
    stripe_url: str
    discord_url: str
    inbox_url: str
    smtp_url: str
    s3_url: str
    webhook_secret: str
    stripe_secret_key: str = STRIPE_SECRET_KEY
    discord_client_id: str = DISCORD_CLIENT_ID
    discord_client_secret: str = DISCORD_CLIENT_SECRET
    discord_bot_token: str = DISCORD_BOT_TOKEN
    discord_guild_id: str = DISCORD_GUILD_ID
    s3_access_key: str = S3_ACCESS_KEY
    s3_secret_key: str = S3_SECRET_KEY
    s3_bucket: str = S3_BUCKET
    close: Callable[[], None] = field(default=lambda: None, repr=False, compare=False)


def start_sandbox(
    data_dir: Path | str,
    port: int = 0,
    smtp_port: int = 0,
    s3_port: int = 0,
    webhook_url: str | None = None,
    webhook_secret: str = STRIPE_WEBHOOK_SECRET,
    host: str = "127.0.0.1",
    clock: Callable[[], float] = time.time,
) -> RunningSandbox:
    """Start all stand-ins in threads and return their addresses; port 0 takes any free one.

    Raises RefusedToStart in production and for a host that others could reach, OSError when a
    port is taken. `clock` moves expiry and retries; signatures always carry the real time.
    """
    refuse_production()
    if host not in LOOPBACK:
        raise RefusedToStart(f"The sandbox has no sign-in and binds the loopback only, not {host}.")
    folder = Path(data_dir)
    # All ports first: one that is taken must leave nothing half started.
    listeners = [socket.create_server((host, wanted)) for wanted in (port, s3_port, smtp_port)]
    world = World(
        Store(folder / "sandbox.sqlite3"),
        webhook_url=webhook_url,
        webhook_secret=webhook_secret,
        clock=clock,
    )
    seed_users(world.store)
    web = _serve(listeners[0], create_web(world), _QuietHandler)
    s3 = _serve(listeners[1], S3Server(world, folder / "s3"), _QuietS3Handler)
    smtp = MailServer(world, listeners[2])
    world.set_mail_down = smtp.set_down
    world.base_url = _address(host, web.port)
    hurry(world)
    courier = threading.Thread(target=run_courier, args=(world,), name="courier", daemon=True)
    courier.start()
    return RunningSandbox(
        url=world.base_url,
        stripe_url=f"{world.base_url}/stripe",
        discord_url=f"{world.base_url}/discord",
        inbox_url=f"{world.base_url}/inbox",
        smtp_url=f"smtp://{SMTP_USER}:{SMTP_PASSWORD}@{host}:{smtp.port}",
        s3_url=_address(host, s3.port),
        webhook_secret=webhook_secret,
        close=lambda: _close(world, (web, s3), smtp, courier),
    )


def refuse_production() -> None:
    """Raise RefusedToStart when ENVIRONMENT says production."""
    if os.environ.get("ENVIRONMENT", "").strip().lower() == "production":
        raise RefusedToStart("The sandbox never starts with ENVIRONMENT=production.")


class _QuietHandler(WSGIRequestHandler):
    """Kept-alive connections and no line per request: the shop's own log tells the story."""

    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""

    def connection_dropped(self, error: BaseException, environ: object = None) -> None:
        """A hang-up that was asked for: leave the line dead, or the client waits on it."""
        self.close_connection = True


class _QuietS3Handler(MotoRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


def _serve(
    listener: socket.socket, app: "WSGIApplication", handler: type[WSGIRequestHandler]
) -> BaseWSGIServer:
    host, port = listener.getsockname()[:2]
    server = make_server(
        host, port, app, threaded=True, request_handler=handler, fd=listener.fileno()
    )
    listener.close()
    threading.Thread(target=server.serve_forever, args=(POLL_S,), daemon=True).start()
    return server


def _address(host: str, port: int) -> str:
    return f"http://{host}:{port}"


def _close(
    world: World,
    servers: tuple[BaseWSGIServer, ...],
    smtp: MailServer,
    courier: threading.Thread,
) -> None:
    """Stop listening first, then let the courier finish; a delivery cut off is sent again."""
    if world.stopping.is_set():
        return
    world.stopping.set()
    world.wake.set()
    endings = [threading.Thread(target=server.shutdown) for server in servers]
    for ending in endings:
        ending.start()
    smtp.close()
    for ending in endings:
        ending.join()
    courier.join(timeout=0.5)
    world.store.close()
