"""Wallets that were filled before there were lots."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, text

from storefront.config import sqlalchemy_url
from storefront.db import connect
from storefront.paths import ROOT
from storefront.sandbox.services.databases import create_database, drop_database

BEFORE, LOTS = "c3d4e5f60718", "d4e5f6071829"
PEOPLE = """
INSERT INTO users (id, discord_id, username, display_name, email_verified, role, locale)
SELECT gen_random_uuid(), n::text, 'u' || n, 'U', true, 'customer', 'th'
FROM generate_series(1, 3) n"""
WALLETS = """
INSERT INTO ledger_accounts (id, kind, user_id, currency, balance_satang)
SELECT gen_random_uuid(), k.kind, u.id, 'THB', k.factor * u.discord_id::int
FROM users u, (VALUES ('wallet_paid', 100), ('wallet_bonus', 7)) AS k(kind, factor)
UNION ALL SELECT gen_random_uuid(), 'sales', NULL, 'THB', NULL"""
DIFFERENCES = """
SELECT a.id FROM ledger_accounts a LEFT JOIN wallet_lots l ON l.account_id = a.id
WHERE a.balance_satang > 0 AND (l.remaining_satang IS DISTINCT FROM a.balance_satang
    OR l.amount_satang <> l.remaining_satang
    OR a.kind <> 'wallet_' || l.pot OR l.expires_at IS NOT NULL)"""


@pytest.fixture
def engine(postgres_url: str) -> Iterator[Engine]:
    """An empty database of this test."""
    engine = connect(sqlalchemy_url(create_database(postgres_url, "before_lots")))
    yield engine
    engine.dispose()
    drop_database(postgres_url, "before_lots")


def test_what_wallets_hold_becomes_one_lot_each_without_an_end(engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    config.attributes["engine"] = engine
    command.upgrade(config, BEFORE)
    with engine.begin() as connection:
        connection.execute(text(PEOPLE))
        connection.execute(text(WALLETS))
        connection.execute(
            text("UPDATE ledger_accounts SET balance_satang = 0 WHERE balance_satang = 7")
        )

    command.upgrade(config, LOTS)

    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM wallet_lots")) == 5
        assert connection.execute(text(DIFFERENCES)).all() == []

    command.downgrade(config, BEFORE)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT to_regclass('wallet_lots')")) is None
