"""What was paid before there were receipts gets its papers with the migration."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from storefront.config import sqlalchemy_url
from storefront.db import connect
from storefront.kit.money import Money
from storefront.paths import ROOT
from storefront.receipts.models import Receipt
from storefront.receipts.numbering import number_receipts
from storefront.receipts.snapshot import unpack
from storefront.sandbox.services.databases import create_database, drop_database

BEFORE, RECEIPTS = "f60718293a4b", "0718293a4b5c"
USER, PRODUCT, VARIANT = (UUID(int=n) for n in range(1, 4))
PREPARED = (
    f"""INSERT INTO users (id, discord_id, username, display_name, email, email_verified, role,
        locale) VALUES ('{USER}', '1', 'u', 'Mali', 'mali@example.com', true, 'customer', 'th')""",
    # What was sold, and the entries of postings, are not what this is about.
    "ALTER TABLE order_items DROP CONSTRAINT fk_order_items_product_id",
    "ALTER TABLE order_items DROP CONSTRAINT fk_order_items_variant_id",
    "ALTER TABLE ledger_postings DISABLE TRIGGER USER",
)
ORDER = """
INSERT INTO orders (id, user_id, locale, state, payment_method, currency, subtotal_satang,
    discount_satang, total_satang, wallet_satang, promo_code, idempotency_key, request_hash,
    created_at, expires_at, completed_at)
VALUES (:id, :user, 'th', :state, :method, 'THB', :subtotal, :discount, :subtotal - :discount,
    :wallet, 'CODE', gen_random_uuid()::text, '', :at, :at, :at)"""
LINE = """
INSERT INTO order_items (id, order_id, position, product_id, variant_id, product_ids, name_th,
    name_en, variant_name_th, variant_name_en, slots, quantity, list_price_satang,
    unit_price_satang, total_satang, discount_satang)
VALUES (gen_random_uuid(), :id, 0, :product, :variant, ARRAY[CAST(:product AS uuid)], 'โรงรถ',
    'Garage', 'มาตรฐาน', 'Standard', 1, 1, :subtotal, :subtotal, :subtotal, :discount)"""
PAYMENT = """
INSERT INTO payments (id, purpose, pay_by, subject_id, user_id, state, amount_satang, currency,
    label, email, locale, gateway_payment_id, created_at, expires_at, paid_at)
VALUES (:id, :purpose, 'promptpay', :id, :user, :state, 700, 'THB', 'QR-100001',
    'pay@example.com', 'th', :gateway, :at, :at, :at)"""
POSTING = """
INSERT INTO ledger_postings (id, kind, reference) VALUES (:id, :kind, :gateway)"""
LAST_YEAR, THIS_YEAR = datetime(2025, 12, 31, 17, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def engine(postgres_url: str) -> Iterator[Engine]:
    """A database as it was before."""
    engine = connect(sqlalchemy_url(create_database(postgres_url, "before_receipts")))
    config = alembic(engine)
    command.upgrade(config, BEFORE)
    with engine.begin() as connection:
        for statement in PREPARED:
            connection.execute(text(statement))
    yield engine
    engine.dispose()
    drop_database(postgres_url, "before_receipts")


def alembic(engine: Engine) -> Config:
    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    config.attributes["engine"] = engine
    return config


def order(engine: Engine, number: int, **values: object) -> None:
    row = {
        "id": str(UUID(int=number)),
        "user": USER,
        "product": PRODUCT,
        "variant": VARIANT,
        "state": "completed",
        "method": "balance",
        "subtotal": 500,
        "discount": 0,
        "wallet": 500,
        "at": THIS_YEAR,
    } | values
    with engine.begin() as connection:
        connection.execute(text(ORDER), row)
        connection.execute(text(LINE), row)


def payment(engine: Engine, number: int, purpose: str, kind: str, state: str) -> None:
    row = {
        "id": str(UUID(int=number)),
        "user": USER,
        "purpose": purpose,
        "kind": kind,
        "state": state,
        "gateway": f"pi_{number}",
        "at": THIS_YEAR,
    }
    with engine.begin() as connection:
        connection.execute(text(PAYMENT), row)
        connection.execute(text(POSTING), row)


def test_paid_orders_and_credited_payments_get_papers_and_nothing_else_does(
    engine: Engine,
) -> None:
    order(engine, 11, state="refunded", method="promptpay", wallet=100, discount=50)
    order(engine, 12, at=LAST_YEAR)
    order(engine, 13, state="cancelled")
    order(engine, 14, method="free", subtotal=0, wallet=0)
    payment(engine, 21, "topup", "topup", "succeeded")
    payment(engine, 22, "order", "wallet_credit", "succeeded")
    payment(engine, 23, "order", "purchase", "succeeded")

    command.upgrade(alembic(engine), RECEIPTS)

    with Session(engine) as session, session.begin():
        assert number_receipts(session, shop_name="Shop", now=datetime.now(UTC)) == 4
        papers = session.scalars(
            select(Receipt).order_by(Receipt.issued_at, Receipt.order_id, Receipt.payment_id)
        ).all()
        found = {(paper.order_id or paper.payment_id): paper for paper in papers}
        contents = {key: unpack(paper.content, currency="THB") for key, paper in found.items()}
        assert set(found) == {UUID(int=n) for n in (11, 12, 21, 22)}
        mixed, topup, stray = (contents[UUID(int=n)] for n in (11, 21, 22))
        # 17:00 UTC on the last day is the first of January in Bangkok.
        assert found[UUID(int=12)].reference == "RC-2026-000001"
        assert {paper.year for paper in papers} == {2026}
        assert {paper.buyer_name for paper in papers} == {"Mali"}
        assert found[UUID(int=21)].buyer_email == "pay@example.com"
    assert mixed.seller is not None
    assert mixed.seller.name_th == "Shop"
    assert mixed.paid == (("balance", Money(100)), ("promptpay", Money(350)))
    assert (mixed.discount, mixed.promo_code) == (Money(50), "CODE")
    assert (mixed.lines[0].name_th, mixed.lines[0].detail_en) == ("โรงรถ", "Standard")
    assert topup.lines[0].name_en == "Wallet top-up"
    assert "QR-100001" in stray.lines[0].name_th

    command.downgrade(alembic(engine), BEFORE)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT to_regclass('receipts')")) is None
    command.upgrade(alembic(engine), RECEIPTS)
