"""How a buyer from Tebex comes to their keys: by mail, by Discord, by a verified address."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from jobs.cleanup import purge
from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.catalog.models import Product
from storefront.errors import Conflict, DomainError, NotFound
from storefront.guests.adoption import adopt_guest
from storefront.kit.ids import new_id
from storefront.sandbox.serve import RunningSandbox
from storefront.tebex.models import TebexClaimLink, TebexClaimMail, TebexPurchase
from storefront.tebex.service import claim_purchase
from tests.storefront.guests.browsing import guests, is_signed_in_as
from tests.storefront.tebex.selling import (
    BUYER,
    event,
    know,
    licenses,
    link_to,
    mails_to,
    payment,
    product,
    purchases,
    tell,
)
from tests.support.browser import submit, text_of_page
from tests.support.factories import Factory, SignIn


@pytest.fixture
def bought(shop: Shop, store: FlaskClient, script: Product) -> TebexPurchase:
    """A purchase that waits for whoever reads its mailbox."""
    tell(shop, store, event("payment.completed", payment()))
    return purchases(shop)[0]


def links_in(text: str) -> list[str]:
    return re.findall(r"http://localhost(/(?:en/)?claim/[\w-]{40,})", text)


def owners(shop: Shop) -> list[object]:
    return [one.user_id for one in licenses(shop)]


def test_the_buyer_is_mailed_a_link_that_leads_to_the_keys(
    shop: Shop,
    sandbox: RunningSandbox,
    inbox: None,
    store: FlaskClient,
    script: Product,
    client: FlaskClient,
) -> None:
    tell(shop, store, event("payment.completed", payment()))

    (mail,) = mails_to(shop, sandbox, BUYER)
    (link,) = links_in(mail["text"])
    assert link.startswith("/en/claim/")
    page = client.get(link)
    assert page.status_code == 200
    assert page.headers["Referrer-Policy"] == "strict-origin"
    assert "s•••@example.com" in page.text
    answer = submit(client, page, "/guest")

    assert (answer.status_code, answer.location) == (303, "/en/account/licenses")
    (guest,) = guests(shop)
    assert (guest.email, guest.email_verified) == (BUYER, True)
    assert owners(shop) == [guest.id] == [is_signed_in_as(client, shop)]
    assert purchases(shop)[0].state == "claimed"


def test_a_buyer_in_thailand_is_written_to_in_thai(
    shop: Shop, sandbox: RunningSandbox, inbox: None, store: FlaskClient, script: Product
) -> None:
    tell(shop, store, event("payment.completed", payment(country="TH")))

    (mail,) = mails_to(shop, sandbox, BUYER)
    assert links_in(mail["text"])[0].startswith("/claim/")


def test_nobody_is_written_to_about_packages_that_are_all_unknown_here(
    shop: Shop, sandbox: RunningSandbox, inbox: None, store: FlaskClient, make: Factory
) -> None:
    """The same Tebex store may sell ranks and cars."""
    tell(shop, store, event("payment.completed", payment(products=[product(7)])))
    assert mails_to(shop, sandbox, BUYER) == []

    know(shop, make, make.product(), package=7)

    assert len(mails_to(shop, sandbox, BUYER)) == 1


def test_looking_at_a_link_claims_nothing(
    shop: Shop, client: FlaskClient, bought: TebexPurchase
) -> None:
    link = link_to(shop, bought.id)

    for _ in range(3):
        assert client.get(link).status_code == 200

    assert purchases(shop)[0].state == "waiting"
    assert licenses(shop) == []


def test_a_member_takes_a_link_to_their_account_whatever_address_it_went_to(
    shop: Shop, client: FlaskClient, make: Factory, sign_in: SignIn, bought: TebexPurchase
) -> None:
    user = make.user()
    sign_in(client, user)
    link = link_to(shop, bought.id)

    answer = submit(client, client.get(link), link.removeprefix("/en"))

    assert answer.location == "/en/account/licenses"
    assert owners(shop) == [user.id]
    assert guests(shop) == []
    assert "You have claimed this purchase" in client.get(link).text
    # A double click finds what the first one did.
    assert client.post(link).location == "/en/account/licenses"
    assert len(licenses(shop)) == 1


def test_a_link_gives_nothing_twice(
    shop: Shop,
    app: Flask,
    make: Factory,
    sign_in: SignIn,
    client: FlaskClient,
    bought: TebexPurchase,
) -> None:
    first, second = make.user(), make.user()
    link = link_to(shop, bought.id)
    sign_in(client, first)
    client.post(link)
    other, nobody = app.test_client(), app.test_client()
    sign_in(other, second)

    assert other.post(link).location == link
    assert nobody.post(f"{link}/guest").location == link

    assert owners(shop) == [first.id]
    assert guests(shop) == []
    assert is_signed_in_as(nobody, shop) is None
    assert "has been claimed" in text_of_page(nobody.get(link))


def test_clicking_twice_without_an_account_is_one_guest(
    shop: Shop, app: Flask, client: FlaskClient, bought: TebexPurchase
) -> None:
    link = link_to(shop, bought.id)
    twin = app.test_client()

    for browser in (client, twin):
        assert browser.post(f"{link}/guest").location == "/en/account/licenses"

    (guest,) = guests(shop)
    assert is_signed_in_as(client, shop) == is_signed_in_as(twin, shop) == guest.id
    assert len(licenses(shop)) == 1


def test_a_link_that_was_used_long_ago_signs_nobody_in(
    shop: Shop, app: Flask, client: FlaskClient, bought: TebexPurchase
) -> None:
    link = link_to(shop, bought.id)
    client.post(f"{link}/guest")
    with shop.database.transaction() as session:
        session.execute(
            update(TebexPurchase).values(claimed_at=shop.clock() - timedelta(minutes=6))
        )
    late = app.test_client()

    assert late.post(f"{link}/guest").location == link
    assert is_signed_in_as(late, shop) is None


def test_an_old_link_says_so_and_gives_nothing(
    shop: Shop, client: FlaskClient, bought: TebexPurchase
) -> None:
    link = link_to(shop, bought.id)
    with shop.database.transaction() as session:
        long_ago = shop.clock() - timedelta(days=31)
        session.execute(
            update(TebexClaimLink).values(
                created_at=long_ago, expires_at=long_ago + timedelta(days=30)
            )
        )

    page = client.get(link)

    assert page.status_code == 410
    assert "expired" in page.text
    assert client.post(f"{link}/guest").location == link
    assert purchases(shop)[0].state == "waiting"


@pytest.mark.parametrize("token", ["x", "y" * 43, "z" * 3000, "%00", "..%2f"])
def test_a_link_that_is_none_is_not_found(client: FlaskClient, shop: Shop, token: str) -> None:
    page = client.get(f"/en/claim/{token}")

    assert page.status_code == 404
    assert client.post(f"/en/claim/{token}/guest").status_code in (303, 404)
    assert guests(shop) == []


@pytest.mark.parametrize(
    ("kind", "words"),
    [("payment.refunded", "was paid back"), ("payment.dispute.opened", "has to wait")],
)
def test_a_link_to_what_was_taken_back_gives_nothing(
    shop: Shop, store: FlaskClient, client: FlaskClient, script: Product, kind: str, words: str
) -> None:
    subject = payment()
    tell(shop, store, event("payment.completed", subject), event(kind, subject, at=9))
    link = link_to(shop, purchases(shop)[0].id)

    assert words in text_of_page(client.get(link))
    client.post(f"{link}/guest")

    assert licenses(shop) == []
    assert guests(shop) == []


def test_a_signed_in_browser_never_becomes_a_guest(
    shop: Shop, client: FlaskClient, make: Factory, sign_in: SignIn, bought: TebexPurchase
) -> None:
    user = make.user()
    sign_in(client, user)
    link = link_to(shop, bought.id)

    assert client.post(f"{link}/guest").location == link

    assert is_signed_in_as(client, shop) == user.id
    assert licenses(shop) == []


def test_signing_in_first_comes_back_to_the_link(
    shop: Shop, client: FlaskClient, bought: TebexPurchase
) -> None:
    link = link_to(shop, bought.id)

    assert f"/en/sign-in?next={link}" in client.get(link).text


def test_asking_for_the_links_of_an_address_says_the_same_whoever_has_it(
    shop: Shop, sandbox: RunningSandbox, inbox: None, client: FlaskClient, bought: TebexPurchase
) -> None:
    with shop.database.transaction() as session:
        session.execute(update(TebexClaimMail).values(asked_at=shop.clock() - timedelta(minutes=6)))
    page = client.get("/en/claim")

    answers = [submit(client, page, "/claim", email=one) for one in (BUYER, "no@example.com")]

    assert {(one.status_code, one.location) for one in answers} == {(303, "/en/claim?sent=1")}
    # One came with the purchase.
    assert len(mails_to(shop, sandbox, BUYER)) == 2
    assert mails_to(shop, sandbox, "no@example.com") == []
    submit(client, page, "/claim", email=BUYER)
    assert len(mails_to(shop, sandbox, BUYER)) == 2


def test_what_is_no_address_is_said_beside_the_field(client: FlaskClient, shop: Shop) -> None:
    answer = submit(client, client.get("/en/claim"), "/claim", email="nobody")

    assert answer.status_code == 422
    assert "name@example.com" in answer.text
    with shop.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(TebexClaimMail)) == 0


def test_a_guest_who_claimed_finds_the_way_back_by_mail(
    shop: Shop, sandbox: RunningSandbox, inbox: None, client: FlaskClient, bought: TebexPurchase
) -> None:
    client.post(f"{link_to(shop, bought.id)}/guest")

    mails = mails_to(shop, sandbox, BUYER)
    back = [one for one in mails if "/guest/" in one["text"]]
    assert len(back) == 1
    assert bought.transaction_id in back[0]["text"]


def test_a_guest_who_becomes_a_member_takes_purchase_and_keys_along(
    shop: Shop, client: FlaskClient, make: Factory, bought: TebexPurchase
) -> None:
    client.post(f"{link_to(shop, bought.id)}/guest")
    member = make.user()

    with shop.database.transaction() as session:
        adopt_guest(session, guests(shop)[0].id, member_id=member.id, now=shop.clock())

    assert purchases(shop)[0].user_id == member.id
    assert owners(shop) == [member.id]


def test_a_purchase_that_is_none_or_not_paid_cannot_be_claimed(
    shop: Shop, store: FlaskClient, make: Factory, script: Product
) -> None:
    user = make.user()
    tell(shop, store, event("payment.dispute.won", payment()))

    with pytest.raises(Conflict, match="unpaid"):
        claim(shop, purchases(shop)[0].id, user)
    with pytest.raises(NotFound):
        claim(shop, new_id(), user)


def test_a_banned_member_claims_nothing(shop: Shop, make: Factory, bought: TebexPurchase) -> None:
    with pytest.raises(DomainError, match="banned"):
        claim(shop, bought.id, make.user(banned_at=shop.clock()))


def claim(shop: Shop, purchase_id: UUID, user: User) -> None:
    with shop.database.transaction() as session:
        claim_purchase(session, purchase_id, user_id=user.id, vault=shop.vault, now=shop.clock())


def test_dead_links_and_requests_of_yesterday_are_forgotten(
    shop: Shop, bought: TebexPurchase
) -> None:
    link_to(shop, bought.id)
    with shop.database.transaction() as session:
        long_ago = shop.clock() - timedelta(days=80)
        session.execute(
            update(TebexClaimLink).values(
                created_at=long_ago, expires_at=long_ago + timedelta(days=30)
            )
        )
        session.execute(update(TebexClaimMail).values(asked_at=long_ago))

    purge(shop)

    with shop.database.reading() as session:
        for model in (TebexClaimLink, TebexClaimMail):
            assert session.scalar(select(func.count()).select_from(model)) == 0
