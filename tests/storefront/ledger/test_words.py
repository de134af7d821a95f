"""What accounts and postings are called, to staff and in the history of a wallet."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.kit.money import baht
from storefront.ledger.models import AccountKind, PostingKind
from storefront.ledger.service import Leg, post_entries
from storefront.ledger.words import account_name, posting_name
from storefront.wallet.history import BONUS_KINDS, WALLET_KINDS
from tests.storefront.orders.purchases import buy
from tests.support.browser import text_of_page
from tests.support.factories import Factory, SignIn


@pytest.fixture
def buyer(make: Factory) -> User:
    return make.user()


@pytest.mark.parametrize("locale", ["th", "en"])
def test_every_account_and_posting_has_a_name(app: Flask, locale: str) -> None:
    prefix = "/en/" if locale == "en" else "/"
    with app.test_request_context(prefix):
        accounts = {account_name(kind) for kind in AccountKind}
        postings = {posting_name(kind) for kind in PostingKind}

    assert len(accounts) == len(AccountKind)
    assert len(postings) == len(PostingKind)
    assert not {name for name in accounts | postings if "_" in name or not name}


def test_the_history_of_a_wallet_offers_what_can_move_it(
    client: FlaskClient, make: Factory, sign_in: SignIn, buyer: User
) -> None:
    make.wallet(buyer, baht(1))
    sign_in(client, buyer)

    page = client.get("/en/account/wallet").text

    offered = set(re.findall(r'<option value="(\w+)">', page)) & set(PostingKind)
    assert offered == set(WALLET_KINDS)
    assert set(BONUS_KINDS) < offered
    assert not offered & {PostingKind.GATEWAY_FEE, PostingKind.DISPUTE_LOST}


def test_the_history_of_a_wallet_names_new_kinds_and_leads_to_the_order(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn, buyer: User
) -> None:
    order = buy(shop, make, buyer, (make.product(price=baht(300)), 1))
    make.bonus(buyer, baht(40))
    for kind, pot, amount in (
        (PostingKind.WALLET_HOLD, AccountKind.WALLET_BONUS, -baht(40)),
        (PostingKind.WALLET_RELEASE, AccountKind.WALLET_BONUS, baht(40)),
    ):
        with shop.database.transaction() as session:
            post_entries(
                session,
                kind=kind,
                reference=f"order:{order.id}",
                subject_id=order.id,
                legs=[Leg(pot, amount, buyer.id), Leg(AccountKind.HELD, -amount)],
            )
    sign_in(client, buyer)

    page = client.get("/en/account/wallet")
    text = text_of_page(page)

    assert f"Set aside for an order {order.reference} bonus −฿40" in text
    assert f"Back from an order that was not paid {order.reference} bonus +฿40" in text
    assert page.text.count(f'href="/en/account/orders/{order.id}"') == 3
