"""Fixtures: one embedded PostgreSQL and Valkey per worker, an empty shop per test."""

from __future__ import annotations

import gc
import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography.fernet import Fernet
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import FileSystemBytecodeCache
from xdist.scheduler import LoadScopeScheduling

from api.licenses import GATE
from storefront.accounts.models import User
from storefront.app import create_app
from storefront.bootstrap import Shop, boot
from storefront.catalog.views import list_counts
from storefront.config import Settings, sqlalchemy_url
from storefront.db import Database, connect
from storefront.kit.signing import make_signing_key
from storefront.migrate import migrate
from storefront.sandbox.serve import RunningSandbox, start_sandbox
from storefront.sandbox.services.databases import create_database, drop_database
from storefront.sandbox.services.postgres import temporary_postgres
from storefront.sandbox.services.valkey import temporary_valkey
from storefront.sandbox.world.state import TEBEX_WEBHOOK_SECRET
from tests.support.emptying import empty
from tests.support.factories import Factory
from tests.support.invariants import quick_check

_names = itertools.count(1)
FERNET_KEY = Fernet.generate_key().decode()


def pytest_collection_finish() -> None:
    """All modules are loaded and stay: the garbage collector need not walk through them again."""
    gc.collect()
    gc.freeze()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--long`: faults and histories with many rounds instead of a few."""
    parser.addoption("--long", action="store_true", help="many rounds of kill -9, long histories")


class OneStackEach(LoadScopeScheduling):  # type: ignore[misc]
    """One process runs all journeys and one all faults, because each share one stack; the other
    tests go wherever there is room. (xdist's own groups hang on node ids, which pytest 9.2 no
    longer lets it change.)"""

    def _split_scope(self, nodeid: str) -> str:
        shared = nodeid.startswith(("tests/journeys/", "tests/faults/"))
        return "/".join(nodeid.split("/", 2)[:2]) if shared else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneStackEach:
    """How tests are handed to the processes of `pytest -n`."""
    return OneStackEach(config, log)


@pytest.fixture(scope="session", autouse=True)
def compiled_templates(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Templates are compiled once for all apps of all workers: that takes longer than drawing
    them. What is kept is found by a template's text, so nobody gets an old one."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    (folder / "templates").mkdir(exist_ok=True)
    kept = FileSystemBytecodeCache(str(folder / "templates"))
    Flask.jinja_options = {**Flask.jinja_options, "bytecode_cache": kept}


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server of this worker, with a migrated database called `template`."""
    with temporary_postgres() as server:
        template = create_database(server.url, "migrated")
        engine = connect(sqlalchemy_url(template))
        migrate(engine)
        engine.dispose()
        yield server.url


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    """A Valkey server of this worker."""
    with temporary_valkey() as server:
        yield server.url


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    """The outside world of this worker."""
    running = start_sandbox(tmp_path_factory.mktemp("sandbox"))
    yield running
    running.close()


@pytest.fixture(scope="session")
def database_url(postgres_url: str) -> Iterator[str]:
    """A migrated database of this worker. `shop` empties it after each test, which costs a
    tenth of a clone per test."""
    name = f"test_{os.getpid()}_{next(_names)}"
    yield create_database(postgres_url, name, template="migrated")
    drop_database(postgres_url, name)


@pytest.fixture(scope="session")
def settings(database_url: str, valkey_url: str, sandbox: RunningSandbox) -> Settings:
    """Settings of a shop in its sandbox."""
    return Settings.from_env(
        {
            "ENVIRONMENT": "test",
            "PUBLIC_URL": "http://localhost",
            "SECRET_KEY": "test-secret-key-" + "x" * 32,
            "DATABASE_URL": database_url,
            "REDIS_URL": valkey_url,
            "ADMIN_DISCORD_IDS": "100000000000000001",
            "LICENSE_PEPPER": "test-pepper-" + "x" * 32,
            "LICENSE_ENCRYPTION_KEYS": FERNET_KEY,
            "LICENSE_SIGNING_KEYS": make_signing_key(),
            "DISCORD_CLIENT_ID": sandbox.discord_client_id,
            "DISCORD_CLIENT_SECRET": sandbox.discord_client_secret,
            "DISCORD_URL": sandbox.discord_url,
            "DISCORD_BOT_TOKEN": sandbox.discord_bot_token,
            "DISCORD_GUILD_ID": sandbox.discord_guild_id,
            "STRIPE_SECRET_KEY": sandbox.stripe_secret_key,
            "STRIPE_WEBHOOK_SECRETS": sandbox.webhook_secret,
            "STRIPE_API_URL": sandbox.stripe_url,
            "TEBEX_WEBHOOK_SECRETS": f"tebex-secret-of-the-tests,{TEBEX_WEBHOOK_SECRET}",
            "SMTP_URL": sandbox.smtp_url,
            "MAIL_FROM": "QR Studios <shop@example.com>",
            "S3_ENDPOINT_URL": sandbox.s3_url,
            "S3_BUCKET": "shop",
            "S3_REGION": "us-east-1",
            "S3_ACCESS_KEY_ID": sandbox.s3_access_key,
            "S3_SECRET_ACCESS_KEY": sandbox.s3_secret_key,
            "DISCORD_INVITE_URL": "https://discord.gg/example",
        }
    )


@pytest.fixture(scope="session")
def booted_shop(settings: Settings) -> Iterator[Shop]:
    """The shop of this worker; tests take `shop`."""
    shop = boot(settings, pool_size=20)
    yield shop
    shop.database.engine.dispose()


@pytest.fixture(scope="session")
def invariants(booted_shop: Shop) -> Iterator[Callable[[], None]]:
    """The check of every invariant, prepared once for this worker."""
    with quick_check(booted_shop.database) as check:
        yield check


@pytest.fixture
def shop(booted_shop: Shop, invariants: Callable[[], None]) -> Iterator[Shop]:
    """A booted, empty shop. Afterwards the invariants of money, stock and keys are checked,
    whatever the test was about."""
    yield booted_shop
    try:
        invariants()
    finally:
        empty(booted_shop.database)


@pytest.fixture
def database(shop: Shop) -> Database:
    """The shop's database."""
    return shop.database


@pytest.fixture
def make(database: Database) -> Factory:
    """Makes rows: make.user(), make.product(), make.cart(...)."""
    return Factory(database)


@pytest.fixture
def make_user(make: Factory) -> Callable[..., User]:
    """Makes users."""
    return make.user


@pytest.fixture
def make_product(make: Factory) -> Callable[..., Any]:
    """Makes products."""
    return make.product


@pytest.fixture(scope="session")
def built_app(booted_shop: Shop) -> Flask:
    """The web face of this worker; tests take `app`."""
    return create_app(booted_shop)


@pytest.fixture
def app(built_app: Flask, shop: Shop) -> Iterator[Flask]:
    """The web face over the empty shop; CSRF is on, see `client`. What a test sets in its
    configuration is undone."""
    before = dict(built_app.config)
    list_counts.forget()
    yield built_app
    built_app.extensions[GATE].desk.recorder.flush()
    built_app.config.clear()
    built_app.config.update(before)


@pytest.fixture
def fresh_app(shop: Shop) -> Flask:
    """A web face of this test alone, for tests that add routes or hooks."""
    return create_app(shop)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser without JavaScript that sends forms without a CSRF token: journeys and
    tests/test_security.py keep the token."""
    app.config["WTF_CSRF_ENABLED"] = False
    return app.test_client()


@pytest.fixture
def sign_in(make: Factory) -> Callable[[FlaskClient, User], None]:
    """sign_in(client, user): the state after a good sign-in with Discord."""

    def sign_in(client: FlaskClient, user: User) -> None:
        token = make.sign_in_token(user)
        with client.session_transaction() as session:
            session["_user_id"] = token
            session["_fresh"] = True

    return sign_in


@pytest.fixture
def root() -> Path:
    """The checkout."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture
def trouble(sandbox: RunningSandbox) -> Iterator[Callable[[], None]]:
    """Makes the gateway answer 503 until the test is over."""

    def start() -> None:
        faults = [{"match": "*", "status": 503}] * 20
        requests.post(f"{sandbox.url}/control/stripe", json={"fail_next": faults}, timeout=5)

    yield start
    requests.post(f"{sandbox.url}/control/stripe/reset", timeout=5)


@pytest.fixture
def sandbox_at_peace(sandbox: RunningSandbox) -> Iterator[None]:
    """Whatever a test asks of the outside world is forgotten afterwards."""
    yield
    requests.post(f"{sandbox.url}/control/stripe/reset", timeout=10).raise_for_status()
