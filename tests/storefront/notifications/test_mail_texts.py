"""Mails: in the buyer's language, complete, and without a key."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from storefront.bootstrap import Shop
from storefront.kit.ids import new_id
from storefront.kit.money import baht
from storefront.licenses.models import License
from storefront.mails import compose_mail
from storefront.orders.models import Order, PaymentMethod
from storefront.payments.models import Payment
from storefront.providers.mail import Mail
from storefront.wallet.models import TopUp
from tests.storefront.orders.purchases import buy
from tests.support.factories import Factory


def order_mail(shop: Shop, order: Order) -> Mail:
    """The confirmation of an order."""
    with shop.database.reading() as session:
        mail = compose_mail(session, shop.settings, event="order_completed", subject_id=order.id)
    assert mail is not None
    return mail


@pytest.mark.parametrize(
    ("locale", "name", "prefix"), [("en", "Night Market", "/en"), ("th", "ตลาดกลางคืน", "")]
)
def test_the_confirmation_names_everything_in_the_buyers_language(
    shop: Shop, make: Factory, locale: str, name: str, prefix: str
) -> None:
    product = make.product(price=baht(490), name_th="ตลาดกลางคืน", name_en="Night Market")
    order = buy(shop, make, make.user(), (product, 2))
    with shop.database.transaction() as session:
        session.execute(update(Order).where(Order.id == order.id).values(locale=locale))

    mail = order_mail(shop, order)

    assert order.reference in mail.subject
    for body in (mail.text, mail.html):
        for words in (
            name,
            "฿980",
            f"http://localhost{prefix}/account/licenses",
            f"http://localhost{prefix}/account/orders/{order.id}",
        ):
            assert words in body
    assert f'<html lang="{locale}">' in mail.html


def test_no_mail_holds_a_key(shop: Shop, make: Factory) -> None:
    order = buy(shop, make, make.user(), (make.product(), 1))
    with shop.database.reading() as session:
        key = shop.vault.open(session.scalars(select(License.key_encrypted)).one())

    mail = order_mail(shop, order)

    assert key not in mail.text + mail.html + mail.subject


def test_names_are_escaped_in_html_and_plain_in_text(shop: Shop, make: Factory) -> None:
    order = buy(shop, make, make.user(), (make.product(name_en="Cops & <Robbers>"), 1))

    mail = order_mail(shop, order)

    assert "Cops &amp; &lt;Robbers&gt;" in mail.html
    assert "Cops & <Robbers>" in mail.text


def test_a_top_up_and_a_credited_payment_have_their_mails(shop: Shop, make: Factory) -> None:
    buyer = make.user()
    order = buy(shop, make, buyer, (make.product(price=baht(70)), 1), method=PaymentMethod.STRIPE)
    topup = TopUp(
        id=new_id(),
        user_id=buyer.id,
        idempotency_key="topup-key-1",
        amount_satang=50_000,
        currency="THB",
    )
    with shop.database.transaction() as session:
        session.add(topup)
    with shop.database.reading() as session:
        payment_id = session.scalars(select(Payment.id).where(Payment.subject_id == order.id)).one()
        added = compose_mail(session, shop.settings, event="topup_completed", subject_id=topup.id)
        credited = compose_mail(
            session, shop.settings, event="payment_credited", subject_id=payment_id
        )

    assert added is not None
    assert credited is not None
    assert "฿500" in added.subject
    assert "/account/wallet" in added.text
    assert order.reference in credited.subject
    assert "฿70" in credited.html
