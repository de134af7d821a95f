"""The panel of Tebex purchases: seen by moderators, helped along by admins."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from storefront.bootstrap import Shop
from storefront.catalog.models import Variant
from storefront.sandbox.serve import RunningSandbox
from storefront.tebex.models import TebexClaimMail
from tests.admin.licensing import audits
from tests.storefront.orders.purchases import QUERY_CEILING, counted_queries
from tests.storefront.tebex.selling import (
    BUYER,
    PACKAGE,
    event,
    know,
    licenses,
    mails_to,
    news,
    packages,
    payment,
    product,
    purchases,
    tell,
)
from tests.support.browser import submit, text_of_page
from tests.support.factories import Factory, SignIn
from tests.support.gateway import drain

LIST = "/en/admin/tebex"


@pytest.fixture
def store(app: Flask) -> FlaskClient:
    return app.test_client(use_cookies=False)


@pytest.fixture
def inbox(sandbox: RunningSandbox) -> Iterator[None]:
    requests.delete(f"{sandbox.url}/inbox.json", timeout=10).raise_for_status()
    yield
    requests.delete(f"{sandbox.url}/inbox.json", timeout=10)


def test_every_purchase_stands_in_the_list_and_in_its_tab(
    shop: Shop, store: FlaskClient, staff: FlaskClient, make: Factory
) -> None:
    know(shop, make, make.product())
    user = make.user(display_name="Pim")
    waiting, ended = payment(), payment()
    claimed = payment(products=[product(discord_id=user.discord_id)])
    unknown = payment(products=[product(77)], email="other@example.com")
    tell(
        shop,
        store,
        *(event("payment.completed", one) for one in (waiting, ended, claimed, unknown)),
        event("payment.refunded", ended, at=9),
    )
    expected = {
        "waiting": {waiting["transaction_id"], unknown["transaction_id"]},
        "claimed": {claimed["transaction_id"]},
        "ended": {ended["transaction_id"]},
        "unknown": {unknown["transaction_id"]},
    }
    every = set().union(*expected.values())

    for tab, transactions in {"": every, **expected}.items():
        words = text_of_page(staff.get(LIST, query_string={"state": tab}))
        assert {one for one in every if one in words} == transactions, tab
    assert "Package 77" in staff.get(LIST).text

    for wanted, found in (
        ("OTHER@example.com", unknown),
        (claimed["transaction_id"], claimed),
        (user.discord_id or "", claimed),
    ):
        page = text_of_page(staff.get(LIST, query_string={"q": wanted}))
        assert {one for one in every if one in page} == {found["transaction_id"]}, wanted


def test_the_page_of_a_purchase_shows_buyer_keys_and_what_tebex_said(
    shop: Shop, store: FlaskClient, staff: FlaskClient, make: Factory
) -> None:
    know(shop, make, make.product(name_en="Night Market"))
    user = make.user(display_name="Pim")
    subject = payment(products=[product(discord_id=user.discord_id), product(77)])
    tell(shop, store, event("payment.completed", subject))
    tell(shop, store, event("payment.dispute.opened", subject, at=9))
    (purchase,) = purchases(shop)
    (license,) = licenses(shop)

    page = staff.get(f"{LIST}/{purchase.id}")
    words = text_of_page(page)

    for expected in (
        "In dispute",
        "14.00 USD",
        BUYER,
        "Pim",
        "Night Market",
        "Unknown: say what it is",
        "Suspended",
        "payment.dispute.opened",
        "payment.completed",
    ):
        assert expected in words, expected
    assert f"/admin/licenses/{license.id}" in page.text
    inbox = text_of_page(
        staff.get("/en/admin/webhooks", query_string={"q": subject["transaction_id"]})
    )
    assert "payment.dispute.opened" in inbox
    licence_page = staff.get(f"/en/admin/licenses/{license.id}").text
    assert f"/admin/tebex/{purchase.id}" in licence_page


def test_saying_what_a_package_is_delivers_what_waited(
    shop: Shop, store: FlaskClient, staff: FlaskClient, make: Factory
) -> None:
    user, item = make.user(), make.product()
    tell(
        shop,
        store,
        event("payment.completed", payment(products=[product(discord_id=user.discord_id)])),
    )
    page = staff.get(f"{LIST}/packages", query_string={"package": PACKAGE})
    assert "1 purchase" in text_of_page(page)

    submit(staff, page, "/admin/tebex/packages", variant=item.variants[0].id)
    assert "1 purchase waited for it" in staff.get(f"{LIST}/packages").text
    drain(shop)

    assert [one.product_id for one in licenses(shop)] == [item.id]
    assert [one.action for one in audits(shop)] == ["map_tebex_package"]


def test_a_package_changes_and_is_forgotten_without_touching_keys(
    shop: Shop, store: FlaskClient, staff: FlaskClient, make: Factory
) -> None:
    first, second = make.product(), make.product()
    user = make.user()
    know(shop, make, first)
    bought = payment(products=[product(discord_id=user.discord_id)])
    tell(shop, store, event("payment.completed", bought))

    page = staff.get(f"{LIST}/packages", query_string={"package": PACKAGE})
    submit(staff, page, "/admin/tebex/packages", variant=second.variants[0].id)
    drain(shop)
    assert [one.variant_id for one in packages(shop)] == [second.variants[0].id]
    submit(staff, staff.get(f"{LIST}/packages"), "/removal")

    assert packages(shop) == []
    assert [one.product_id for one in licenses(shop)] == [first.id]
    later = payment(products=[product(discord_id=user.discord_id)])
    tell(shop, store, event("payment.completed", later))
    assert len(licenses(shop)) == 1


@pytest.mark.parametrize("package", ["", "12 34", "é", "1" * 41, "a/b", "<b>"])
def test_a_package_number_that_is_none_is_refused(
    shop: Shop, staff: FlaskClient, make: Factory, package: str
) -> None:
    item = make.product()

    answer = staff.post(
        f"{LIST}/packages", data={"package": package, "variant": item.variants[0].id}
    )

    assert answer.status_code == 422
    assert packages(shop) == []


def test_a_tier_that_is_none_is_refused(shop: Shop, staff: FlaskClient) -> None:
    for variant in ("", "x", "00000000-0000-0000-0000-000000000000"):
        answer = staff.post(f"{LIST}/packages", data={"package": "5", "variant": variant})
        assert answer.status_code == 422
    assert packages(shop) == []


def test_the_claim_mail_is_sent_again_at_most_every_five_minutes(
    shop: Shop,
    sandbox: RunningSandbox,
    inbox: None,
    store: FlaskClient,
    staff: FlaskClient,
    make: Factory,
) -> None:
    know(shop, make, make.product())
    tell(shop, store, event("payment.completed", payment()))
    (purchase,) = purchases(shop)
    page = staff.get(f"{LIST}/{purchase.id}")

    submit(staff, page, "/mails")
    assert len(mails_to(shop, sandbox, BUYER)) == 1
    with shop.database.transaction() as session:
        session.execute(update(TebexClaimMail).values(asked_at=shop.clock() - timedelta(minutes=6)))
    submit(staff, page, "/mails")

    assert len(mails_to(shop, sandbox, BUYER)) == 2
    assert {one.action for one in audits(shop)} >= {"mail_tebex_claim"}


def test_what_was_claimed_is_mailed_to_nobody(
    shop: Shop, store: FlaskClient, staff: FlaskClient, make: Factory
) -> None:
    know(shop, make, make.product())
    user = make.user()
    bought = payment(products=[product(discord_id=user.discord_id)])
    tell(shop, store, event("payment.completed", bought))
    (purchase,) = purchases(shop)

    assert "/mails" not in staff.get(f"{LIST}/{purchase.id}").text
    assert staff.post(f"{LIST}/{purchase.id}/mails").status_code == 409
    assert submit(staff, staff.get(f"{LIST}/{purchase.id}"), "/deliveries").status_code == 303
    assert len(licenses(shop)) == 1


def test_who_may(
    shop: Shop, store: FlaskClient, client: FlaskClient, make: Factory, sign_in: SignIn
) -> None:
    tell(shop, store, event("payment.completed", payment()))
    (purchase,) = purchases(shop)
    reads = (LIST, f"{LIST}/packages", f"{LIST}/{purchase.id}")
    writes = (
        f"{LIST}/packages",
        f"{LIST}/packages/{purchase.id}/removal",
        f"{LIST}/{purchase.id}/mails",
        f"{LIST}/{purchase.id}/deliveries",
    )

    sign_in(client, make.user(role="moderator"))
    assert {client.get(one).status_code for one in reads} == {200}
    assert {client.post(one).status_code for one in writes} == {404}
    sign_in(client, make.user())
    assert {client.get(one).status_code for one in reads} == {404}


def test_pages_keep_to_their_queries(
    shop: Shop, store: FlaskClient, staff: FlaskClient, make: Factory
) -> None:
    know(shop, make, make.product())
    users = [make.user() for _ in range(3)]
    tell(
        shop,
        store,
        *(
            event("payment.completed", payment(products=[product(discord_id=one.discord_id)] * 2))
            for one in users
        ),
    )

    for address in (LIST, f"{LIST}/packages", f"{LIST}/{purchases(shop)[0].id}"):
        with counted_queries(shop.database.engine) as queries:
            assert staff.get(address).status_code == 200
        assert len(queries) <= QUERY_CEILING, address


def test_a_purchase_that_is_none_is_not_found(staff: FlaskClient) -> None:
    for wanted in ("x", "00000000-0000-0000-0000-000000000000"):
        assert staff.get(f"{LIST}/{wanted}").status_code == 404


def test_the_page_of_a_subscription_shows_its_renewals_and_the_keys_they_reached(
    shop: Shop, store: FlaskClient, staff: FlaskClient, make: Factory
) -> None:
    know(shop, make, make.product())
    with shop.database.transaction() as session:
        session.execute(update(Variant).values(duration_days=30))
    items = [product(discord_id=make.user().discord_id)]
    first, second, third, other = (
        payment(products=bought, subscription="tbx-r-5")
        for bought in (items, items, items, [product(88)])
    )
    tell(
        shop,
        store,
        event("payment.completed", first),
        news("renewed", "tbx-r-5", first, second, at=1),
        event("payment.completed", third, at=2),
        event("payment.refunded", third, at=3),
        event("payment.completed", other, at=4),
    )
    (purchase,) = purchases(shop)

    words = text_of_page(staff.get(f"{LIST}/{purchase.id}"))

    for expected in (
        *(one["transaction_id"] for one in (second, third, other)),
        *("tbx-r-5", "Tebex takes the next payment on", "Counts", "Paid back", "Reached no key"),
        *("recurring-payment.renewed", "payment.refunded"),
    ):
        assert expected in words, expected
    listed = text_of_page(staff.get(LIST))
    assert "3 renewals" in listed
    for wanted in (second["transaction_id"], "tbx-r-5"):
        found = text_of_page(staff.get(LIST, query_string={"q": wanted}))
        assert first["transaction_id"] in found, wanted


@pytest.mark.parametrize(
    ("kind", "badge", "sentence"),
    [
        ("cancellation.requested", "Subscription ends", "Its buyer asked to end it."),
        ("ended", "Subscription ended", "It has ended."),
    ],
)
def test_a_subscription_that_ends_says_so_in_the_list_and_on_its_page(
    shop: Shop,
    store: FlaskClient,
    staff: FlaskClient,
    make: Factory,
    kind: str,
    badge: str,
    sentence: str,
) -> None:
    know(shop, make, make.product())
    tell(shop, store, news(kind, "tbx-r-6", payment(subscription="tbx-r-6")))
    (purchase,) = purchases(shop)

    page = text_of_page(staff.get(f"{LIST}/{purchase.id}"))

    assert badge in page
    assert sentence in page
    assert "It was not renewed so far." in page
    assert badge in text_of_page(staff.get(LIST))


@pytest.mark.parametrize(
    ("is_claimed", "badge"), [(True, "Keys without an end"), (False, "Waits with its purchase")]
)
def test_a_renewal_that_has_nothing_to_do_says_why(
    shop: Shop,
    store: FlaskClient,
    staff: FlaskClient,
    make: Factory,
    is_claimed: bool,
    badge: str,
) -> None:
    know(shop, make, make.product())
    discord_id = make.user().discord_id if is_claimed else None
    items = [product(discord_id=discord_id)]
    first, second = (payment(products=items, subscription="tbx-r-7") for _ in range(2))

    tell(shop, store, event("payment.completed", first), event("payment.completed", second, at=1))

    page = text_of_page(staff.get(f"{LIST}/{purchases(shop)[0].id}"))
    assert badge in page
    assert "Reached no key" not in page
