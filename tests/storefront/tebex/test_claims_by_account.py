"""What a member from Tebex has without a link: by Discord account, by verified address."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.catalog.models import Product
from storefront.tebex.models import TebexPurchase
from storefront.tebex.service import claim_matching
from tests.storefront.tebex.selling import (
    BUYER,
    event,
    licenses,
    payment,
    product,
    purchases,
    tell,
)
from tests.support.browser import submit
from tests.support.factories import Factory, SignIn


@pytest.fixture
def bought(shop: Shop, store: FlaskClient, script: Product) -> TebexPurchase:
    """A purchase that waits for whoever reads its mailbox."""
    tell(shop, store, event("payment.completed", payment()))
    return purchases(shop)[0]


def owners(shop: Shop) -> list[object]:
    return [one.user_id for one in licenses(shop)]


class TestByAccount:
    """What a member has without a link."""

    def test_a_verified_address_claims(
        self, shop: Shop, make: Factory, bought: TebexPurchase
    ) -> None:
        user = make.user(email="Somchai@example.com", email_verified=True)

        assert take_what_waits(shop, user) == 1
        assert owners(shop) == [user.id]
        assert take_what_waits(shop, user) == 0

    @pytest.mark.parametrize(
        "person",
        [
            {"email": BUYER, "email_verified": False},
            {"email": None, "email_verified": False},
            {"email": f"x{BUYER}", "email_verified": True},
            {"email": "%@example.com", "email_verified": True},
            {"email": BUYER, "email_verified": True, "banned_at": "now"},
        ],
    )
    def test_no_other_does(
        self, shop: Shop, make: Factory, bought: TebexPurchase, person: dict[str, object]
    ) -> None:
        if person.get("banned_at"):
            person = {**person, "banned_at": shop.clock()}
        user = make.user(**person)

        assert take_what_waits(shop, user) == 0
        assert purchases(shop)[0].state == "waiting"

    def test_the_address_that_a_guest_typed_claims_nothing(
        self, shop: Shop, make: Factory, bought: TebexPurchase
    ) -> None:
        for is_verified in (True, False):
            guest = make.guest(email=BUYER, email_verified=is_verified)
            assert take_what_waits(shop, guest) == 0

    def test_a_discord_account_that_comes_later_claims(
        self, shop: Shop, store: FlaskClient, make: Factory, script: Product
    ) -> None:
        subject = payment(email=None, products=[product(discord_id="300000000000000003")])
        tell(shop, store, event("payment.completed", subject))

        user = make.user(discord_id="300000000000000003", email=None, email_verified=False)

        assert take_what_waits(shop, user) == 1
        assert owners(shop) == [user.id]

    def test_the_page_shows_what_waits_and_one_button_takes_it(
        self,
        shop: Shop,
        client: FlaskClient,
        make: Factory,
        sign_in: SignIn,
        bought: TebexPurchase,
    ) -> None:
        user = make.user(email=BUYER)
        sign_in(client, user)

        page = client.get("/en/claim")
        assert bought.transaction_id in page.text
        assert purchases(shop)[0].state == "waiting"
        answer = submit(client, page, "/claim/mine")

        assert answer.location == "/en/account/licenses"
        assert owners(shop) == [user.id]
        assert "Nothing waits for your account" in client.get("/en/claim").text

    def test_the_page_of_a_stranger_shows_nothing_of_it(
        self,
        client: FlaskClient,
        make: Factory,
        sign_in: SignIn,
        bought: TebexPurchase,
    ) -> None:
        sign_in(client, make.user())

        assert bought.transaction_id not in client.get("/en/claim").text

    def test_nobody_claims_mine_without_signing_in(
        self, shop: Shop, client: FlaskClient, bought: TebexPurchase
    ) -> None:
        assert "/sign-in" in client.post("/en/claim/mine").location
        assert licenses(shop) == []


def take_what_waits(shop: Shop, user: User) -> int:
    with shop.database.transaction() as session:
        return len(claim_matching(session, user.id, vault=shop.vault, now=shop.clock()))
