"""Papers are written with the money, and say for ever what was true then."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pytest
import requests
from sqlalchemy import func, select, update

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.catalog.models import Product
from storefront.checkout import flow
from storefront.checkout.service import close_order
from storefront.kit.money import Money, baht
from storefront.orders.models import Order, OrderAction, PaymentMethod
from storefront.payments.models import Payment
from storefront.receipts.models import Receipt
from storefront.receipts.service import issue_advance_receipt, issue_order_receipt
from storefront.receipts.snapshot import Content, Line, Seller, pack, unpack
from storefront.sandbox.world.running import RunningSandbox
from tests.storefront.orders.purchases import buy
from tests.storefront.receipts.refunding import TAX_ID, receipts_of, register_seller
from tests.support.factories import Factory

pytestmark = pytest.mark.usefixtures("sandbox_at_peace")


def papers(shop: Shop) -> Sequence[Receipt]:
    with shop.database.reading() as session:
        return session.scalars(select(Receipt).order_by(Receipt.id)).all()


def content_of(receipt: Receipt) -> Content:
    return unpack(receipt.content, currency=receipt.currency)


def test_an_order_paid_from_the_wallet_has_its_receipt_at_once(shop: Shop, make: Factory) -> None:
    user, product = make.user(display_name="Somchai"), make.product(price=baht(490))

    order = buy(shop, make, user, (product, 2))

    (receipt,) = papers(shop)
    assert (receipt.kind, receipt.series, receipt.order_id) == ("order", "RC", order.id)
    assert receipt.amount == order.total == baht(980)
    assert (receipt.vat, receipt.has_vat) == (Money(0), False)
    assert (receipt.buyer_name, receipt.buyer_email) == ("Somchai", user.email)
    content = content_of(receipt)
    assert content.seller is None
    assert content.paid == (("balance", baht(980)),)
    (line,) = content.lines
    assert (line.name_th, line.detail_en) == (product.name_th, "Standard")
    assert (line.quantity, line.unit, line.amount) == (2, baht(490), baht(980))


def test_with_vat_on_it_holds_the_seller_and_the_vat(shop: Shop, make: Factory) -> None:
    register_seller(shop, make.user(role="admin"))

    order = buy(shop, make, make.user(), (make.product(price=baht(1_070)), 1))

    (receipt,) = receipts_of(shop, order)
    assert (receipt.vat, receipt.vat_basis_points) == (baht(70), 700)
    seller = content_of(receipt).seller
    assert seller is not None
    assert (seller.tax_id, seller.name_en) == (TAX_ID, "QR Studio Co., Ltd.")


def test_a_paper_keeps_what_was_true_when_it_was_issued(shop: Shop, make: Factory) -> None:
    user, staff, product = make.user(), make.user(role="admin"), make.product(price=baht(107))
    register_seller(shop, staff)
    order = buy(shop, make, user, (product, 1))
    (before,) = receipts_of(shop, order)

    register_seller(shop, staff, revision=1, vat_on=False)
    with shop.database.transaction() as session:
        session.execute(update(User).values(display_name="Somebody else", email="new@example.com"))
        session.execute(update(Product).values(name_th="x", name_en="x"))
    later = buy(shop, make, user, (make.product(price=baht(107)), 1))

    (after,) = receipts_of(shop, order)
    assert after.content == before.content
    assert (after.buyer_name, after.buyer_email) == (before.buyer_name, before.buyer_email)
    assert after.vat == baht(7)
    assert receipts_of(shop, later)[0].vat == Money(0)


def test_a_discount_stands_on_the_paper_with_its_code(shop: Shop, make: Factory) -> None:
    user, product = make.user(), make.product(price=baht(500))
    make.promo("TENTH")
    make.cart(user, (product, 1), promo_code="TENTH")
    make.wallet(user, baht(450))

    flow.place_order(
        shop,
        user_id=user.id,
        method=PaymentMethod.BALANCE,
        expected_total=baht(450),
        idempotency_key="with-a-discount-1",
        locale="en",
    )

    (receipt,) = papers(shop)
    content = content_of(receipt)
    assert (receipt.amount, content.discount, content.promo_code) == (
        baht(450),
        baht(50),
        "TENTH",
    )


def test_a_free_order_has_no_receipt(shop: Shop, make: Factory) -> None:
    buy(shop, make, make.user(), (make.product(price=Money(0)), 1), method=PaymentMethod.FREE)

    assert papers(shop) == []


def pay(sandbox: RunningSandbox, pay_url: str | None) -> None:
    session_id = (pay_url or "").rsplit("/", 1)[1]
    requests.post(
        f"{sandbox.url}/control/stripe/sessions/{session_id}/pay", timeout=10
    ).raise_for_status()


def test_money_through_the_gateway_has_its_receipt_when_it_came_and_only_once(
    shop: Shop, make: Factory, sandbox: RunningSandbox
) -> None:
    user = make.user()
    make.cart(user, (make.product(price=baht(300)), 1))
    placed = flow.place_order(
        shop,
        user_id=user.id,
        method=PaymentMethod.STRIPE,
        expected_total=baht(300),
        idempotency_key="k" * 20,
        locale="en",
    )
    pay_url = flow.start_topup(
        shop, user_id=user.id, amount=baht(200), idempotency_key="t" * 20, locale="en"
    )
    assert papers(shop) == []
    pay(sandbox, placed.pay_url)
    pay(sandbox, pay_url)

    for _ in range(3):
        flow.refresh_order(shop, placed.order_id)
        with shop.database.reading() as session:
            payments = session.scalars(select(Payment).order_by(Payment.id)).all()
        for payment in payments:
            flow.refresh_payment(shop, payment.id)

    order_paper, advance = papers(shop)
    assert content_of(order_paper).paid == (("stripe", baht(300)),)
    assert (advance.kind, advance.amount, advance.payment_id) == (
        "advance",
        baht(200),
        payments[1].id,
    )
    assert content_of(advance).lines[0].name_en == "Wallet top-up"


def test_money_that_came_too_late_has_a_receipt_as_an_advance_without_vat(
    shop: Shop, make: Factory, sandbox: RunningSandbox
) -> None:
    register_seller(shop, make.user(role="admin"))
    user = make.user()
    order = buy(shop, make, user, (make.product(price=baht(300)), 1), method=PaymentMethod.STRIPE)
    pay_url = flow.resume_payment(shop, order.id, user_id=user.id)
    with shop.database.reading() as session:
        payment = session.scalars(select(Payment)).one()
    pay(sandbox, pay_url)
    # The order was closed in the very moment in which somebody paid.
    with shop.database.transaction() as session:
        close_order(session, order.id, OrderAction.EXPIRE, actor="test", now=shop.clock())

    flow.refresh_payment(shop, payment.id)

    (receipt,) = papers(shop)
    assert (receipt.kind, receipt.amount, receipt.has_vat) == ("advance", baht(300), False)
    assert order.reference in content_of(receipt).lines[0].name_th


def test_issuing_again_finds_the_paper(shop: Shop, make: Factory) -> None:
    user = make.user()
    order = buy(shop, make, user, (make.product(price=baht(100)), 1))
    make.topup(user, baht(50))

    with shop.database.transaction() as session:
        loaded = session.scalars(select(Order)).one()
        session.refresh(loaded, ["lines"])
        payment = session.scalars(select(Payment)).one()
        order_paper = issue_order_receipt(session, loaded, now=shop.clock())
        advance = issue_advance_receipt(session, payment, now=shop.clock())

    assert [order_paper, advance] == [paper.id for paper in papers(shop)]
    assert receipts_of(shop, order)[0].id == order_paper


def test_what_is_rolled_back_leaves_neither_paper_nor_gap(shop: Shop, make: Factory) -> None:
    user, product = make.user(), make.product(price=baht(100))
    make.cart(user, (product, 1))

    with pytest.raises(Exception, match="wallet"):
        flow.place_order(
            shop,
            user_id=user.id,
            method=PaymentMethod.BALANCE,
            expected_total=baht(100),
            idempotency_key="k" * 20,
            locale="en",
        )

    with shop.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Receipt)) == 0


def test_content_survives_being_stored() -> None:
    content = Content(
        seller=Seller(name_th="ร้าน", name_en="Shop", branch="00012", tax_id=TAX_ID),
        lines=(Line(name_th="ก", name_en="a", unit=Money(-5), amount=Money(-5)),),
        discount=Money(7),
        promo_code="X",
        paid=(("balance", Money(1)), ("stripe", Money(2))),
        reason="why",
        destination="wallet",
        before=Money(9),
    )

    assert unpack(pack(content), currency="THB") == content
    bare = dataclasses.replace(content, seller=None, before=None)
    assert unpack(pack(bare), currency="THB") == bare
