"""The real shop over HTTP, a line to it that can be meddled with, and game servers that ask."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import select
from werkzeug.serving import WSGIRequestHandler, make_server

from api.licenses import GATE
from storefront.app import create_app
from storefront.bootstrap import Shop
from storefront.kit.money import baht
from storefront.licenses.desk import VerifyDesk
from storefront.licenses.models import License
from storefront.loader.files import VERIFY_PATH, OnRefusal, loader_files, verify_url
from storefront.loader.manifest import with_loader
from tests.api.conftest import Bought
from tests.loader.wire import Wire
from tests.storefront.orders.purchases import buy
from tests.support.factories import Factory
from tests.support.fivem import GameServer, Resource, TrueTime

SCRIPT = "qr-script"
HOUR = 3600.0
MANIFEST = b"fx_version 'cerulean'\ngame 'gta5'\nlua54 'yes'\nversion '1.0.0'\n"

_truth = TrueTime(time.time())
_desks: list[VerifyDesk] = []


class Quiet(WSGIRequestHandler):
    """No line for every question."""

    def log(self, *_: Any) -> None:
        """See above."""


@contextmanager
def serve(shop: Shop) -> Iterator[str]:
    """This shop over HTTP, with the clock of the simulated world; its address."""
    app = create_app(replace(shop, clock=_truth.clock))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    desk: VerifyDesk = app.extensions[GATE].desk
    _desks.append(desk)
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        _desks.remove(desk)
        desk.close()


@pytest.fixture(scope="session")
def served_shop(booted_shop: Shop) -> Iterator[str]:
    """The address of the real shop."""
    with serve(booted_shop) as url:
        yield url


@pytest.fixture(scope="session")
def laid_wire(served_shop: str) -> Iterator[Wire]:
    """The line to the shop; tests take `wire`."""
    wire = Wire(served_shop)
    yield wire
    wire.close()


@pytest.fixture
def wire(laid_wire: Wire) -> Iterator[Wire]:
    """The line to the shop, mended after each test."""
    yield laid_wire
    laid_wire.mend()


@pytest.fixture
def truth() -> TrueTime:
    """What time it really is: now, at the beginning of a test."""
    _truth.now = time.time()
    return _truth


@pytest.fixture
def bought(shop: Shop, make: Factory, truth: TrueTime) -> Iterator[Bought]:
    """One unit of a product, bought by somebody, for two servers. What was asked about it is
    written down before the shop is emptied."""
    owner, product = make.user(username="nok"), make.product(price=baht(100), slots=2)
    buy(shop, make, owner, (product, 1))
    with shop.database.reading() as session:
        license = session.scalars(select(License)).one()
    yield Bought(shop, license, shop.vault.open(license.key_encrypted), product, owner)
    for desk in _desks:
        desk.recorder.flush()


Servers = Callable[..., GameServer]
Script = Callable[..., dict[str, bytes]]


@pytest.fixture
def game_servers(tmp_path: Path, truth: TrueTime) -> Servers:
    """game_servers(2, ...): a simulated game server at 127.0.0.2."""

    def make(number: int = 2, **options: Any) -> GameServer:
        return GameServer(
            tmp_path / f"server-{number}",
            address=f"127.0.0.{number}",
            **{"token": f"platform-token-{number}", "truth": truth, **options},
        )

    return make


@pytest.fixture
def script(bought: Bought, wire: Wire) -> Script:
    """script(...): the files of the bought script with the loader in it."""

    def make(
        *, on_refusal: OnRefusal = OnRefusal.STOP, url: str = wire.url, **options: Any
    ) -> dict[str, bytes]:
        return {
            "fxmanifest.lua": with_loader(MANIFEST),
            **loader_files(
                **{
                    "product_slug": bought.product.slug,
                    "verify_url": verify_url(url),
                    "public_keys": bought.shop.signing.public,
                    "on_refusal": on_refusal,
                    **options,
                }
            ),
        }

    return make


@pytest.fixture
def server(game_servers: Servers, script: Script, bought: Bought) -> GameServer:
    """A game server with the script in place and its key in server.cfg; nothing is started."""
    server = game_servers(convars={f"qr_license_{bought.product.slug}": bought.key})
    server.install(script(), name=SCRIPT)
    return server


def code_of(resource: Resource) -> str:
    """How the loader sees its licence."""
    return str(resource.export("licenseStatus")["code"])


def asked(server: GameServer) -> list[dict[str, Any]]:
    """The questions a server asked, in order."""
    return [json.loads(request["data"]) for request in server.requests]


def requests_from(address: str, url: str, question: dict[str, str]) -> dict[str, Any]:
    """One question by POST from this address."""
    with requests.Session() as session:
        session.mount("http://", FromAddress(address))
        return dict(session.post(url + VERIFY_PATH, json=question, timeout=10).json())


class FromAddress(requests.adapters.HTTPAdapter):
    """Leaves by an address of this machine."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options, source_address=(self._address, 0))
