"""The refund pages of the back office, as a browser without JavaScript uses them."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
import requests
from flask.testing import FlaskClient
from sqlalchemy import select

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.disputes.flow import refresh_disputes
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
from storefront.orders.models import OrderLine, PaymentMethod
from storefront.refunds.models import Refund
from storefront.sandbox.serve import RunningSandbox
from storefront.wallet.queries import find_pots
from tests.storefront.orders.purchases import QUERY_CEILING, counted_queries
from tests.support.browser import submit, text_of_page
from tests.support.factories import Factory, SignIn
from tests.support.gateway import act, buy, latest_payment, order_of, place, top_up

pytestmark = pytest.mark.usefixtures("sandbox_at_peace")


@pytest.fixture
def buyer(make: Factory) -> User:
    return make.user(username="somchai", display_name="Somchai", email="som@example.com")


@pytest.fixture
def order_id(shop: Shop, sandbox: RunningSandbox, make: Factory, buyer: User) -> UUID:
    """An order of 300 and 3 x 40 baht, paid by card with 60 from the wallet, 20 of it bonus."""
    make.wallet(buyer, baht(40))
    make.bonus(buyer, baht(20))
    make.cart(buyer, (make.product(price=baht(300)), 1), (make.product(price=baht(40)), 3))
    return buy(shop, sandbox, buyer, baht(420), wallet_part=baht(60))


def lines_of(shop: Shop, order_id: UUID) -> list[OrderLine]:
    with shop.database.reading() as session:
        found = session.scalars(select(OrderLine).where(OrderLine.order_id == order_id))
        return sorted(found, key=lambda line: -line.total_satang)


def refunds_of(shop: Shop) -> list[Refund]:
    with shop.database.reading() as session:
        return list(session.scalars(select(Refund).order_by(Refund.id)))


def wallet_of(shop: Shop, user: User) -> tuple[Money, Money]:
    with shop.database.reading() as session:
        held = find_pots(session, user.id)
    return held.paid, held.bonus


def test_staff_see_what_a_refund_will_do_and_then_do_it(
    shop: Shop, staff: FlaskClient, buyer: User, order_id: UUID
) -> None:
    page = staff.get(f"/en/admin/orders/{order_id}/refunds/new")
    asked = submit(staff, page, "/refunds", reason="does not run on their server")

    assert asked.status_code == 200
    said = text_of_page(asked)
    assert "฿360 goes back to the card." in said
    assert "฿60 goes into the wallet at once. ฿20 of it is bonus" in said
    assert refunds_of(shop) == []

    done = submit(staff, asked, "/refunds")
    assert done.status_code == 303
    assert order_of(shop, order_id).state == "refunded"
    assert wallet_of(shop, buyer) == (baht(40), baht(20))
    shown = text_of_page(staff.get(done.location.partition("#")[0]))
    assert "does not run on their server" in shown
    assert "Given back" in shown


def test_what_was_changed_after_it_was_said_back_is_said_back_again(
    shop: Shop, staff: FlaskClient, order_id: UUID
) -> None:
    small = lines_of(shop, order_id)[1]
    page = staff.get(f"/en/admin/orders/{order_id}/refunds/new")
    asked = submit(staff, page, "/refunds", reason="x")

    again = submit(staff, asked, "/refunds", **{f"amount-{small.id}": "10"})

    assert again.status_code == 200
    assert "Give back ฿310" in text_of_page(again)
    assert refunds_of(shop) == []


def test_one_line_goes_to_the_wallet_and_the_keys_stay(
    shop: Shop, staff: FlaskClient, buyer: User, order_id: UUID
) -> None:
    big, small = lines_of(shop, order_id)
    page = staff.get(f"/en/admin/orders/{order_id}/refunds/new")
    filled = {
        f"amount-{big.id}": "",
        f"amount-{small.id}": "80.50",
        "destination": "wallet",
        "licenses": "keep",
        "reason": "late",
    }
    asked = submit(staff, page, "/refunds", **filled)
    assert "All licences stay good." in text_of_page(asked)
    submit(staff, asked, "/refunds", destination="wallet", licenses="keep")

    assert order_of(shop, order_id).refunded == Money(8_050)
    assert wallet_of(shop, buyer) == (Money(6_050), baht(20))
    left = text_of_page(staff.get(f"/en/admin/orders/{order_id}/refunds/new"))
    assert "At most ฿339.50." in left


@pytest.mark.parametrize(
    ("filled", "said"),
    [
        ({"amount": "421"}, "Write an amount up to what is left."),
        ({"amount": "-1"}, "Write an amount up to what is left."),
        ({"amount": "1e3"}, "Write an amount up to what is left."),
        ({"amount": "0"}, "Write how much is given back."),
        ({"reason": ""}, "Write the reason in up to 300 characters."),
        ({"reason": "x" * 301}, "Write the reason in up to 300 characters."),
        ({"destination": "moon"}, "Choose where the money goes."),
        ({"licenses": "double"}, "Choose what becomes of the licences."),
    ],
)
def test_what_makes_no_sense_is_said_and_kept(
    shop: Shop, staff: FlaskClient, order_id: UUID, filled: dict[str, str], said: str
) -> None:
    big, small = lines_of(shop, order_id)
    values = {"reason": "a reason", **filled}
    if "amount" in values:
        values |= {f"amount-{big.id}": values.pop("amount"), f"amount-{small.id}": ""}
    page = staff.get(f"/en/admin/orders/{order_id}/refunds/new")
    answer = submit(staff, page, "/refunds", **values)

    assert answer.status_code == 422
    assert said in text_of_page(answer)
    assert refunds_of(shop) == []


def test_an_order_that_cannot_be_refunded_says_so(
    shop: Shop, staff: FlaskClient, make: Factory, buyer: User
) -> None:
    make.cart(buyer, (make.product(price=baht(300)), 1))
    order_id = place(shop, buyer, baht(300))

    page = staff.get(f"/en/admin/orders/{order_id}/refunds/new")
    assert "Nothing is left to give back" in text_of_page(page)
    line = lines_of(shop, order_id)[0]
    answer = staff.post(
        f"/en/admin/orders/{order_id}/refunds",
        data={f"amount-{line.id}": "300", "reason": "x", "agreed": "30000"},
    )
    assert answer.status_code == 409


def test_while_the_gateway_is_away_staff_are_told_and_can_send_it_later(
    shop: Shop, staff: FlaskClient, order_id: UUID, sandbox: RunningSandbox
) -> None:
    page = staff.get(f"/en/admin/orders/{order_id}/refunds/new")
    asked = submit(staff, page, "/refunds", reason="x")
    faults = [{"match": "*", "status": 503}] * 20
    requests.post(f"{sandbox.url}/control/stripe", json={"fail_next": faults}, timeout=5)
    done = submit(staff, asked, "/refunds")
    page = staff.get(done.location.partition("#")[0])
    assert "The refund is sent by itself later." in text_of_page(page)
    waiting = next(one for one in refunds_of(shop) if one.destination == "gateway")
    assert waiting.state == "pending"

    requests.post(f"{sandbox.url}/control/stripe/reset", timeout=5)
    shown = staff.get(f"/en/admin/refunds/{waiting.id}")
    assert "The payment service has not taken it yet" in text_of_page(shown)
    submit(staff, shown, "/sendings")
    assert "Given back" in text_of_page(staff.get(f"/en/admin/refunds/{waiting.id}"))


def test_a_top_up_is_sent_back_with_what_it_keeps_said_before(
    shop: Shop, staff: FlaskClient, sandbox: RunningSandbox, buyer: User
) -> None:
    payment = top_up(shop, sandbox, buyer, baht(500))
    page = staff.get(f"/en/admin/payments/{payment.id}/refunds/new")
    asked = submit(staff, page, "/refunds", reason="closed their server")
    assert "฿500 leaves the wallet at once" in text_of_page(asked)

    done = submit(staff, asked, "/refunds")

    assert done.status_code == 303
    assert wallet_of(shop, buyer) == (baht(0), baht(0))
    assert latest_payment(shop, payment.subject_id).refundable == baht(0)
    again = staff.get(f"/en/admin/payments/{payment.id}/refunds/new")
    assert "Nothing is left to give back" in text_of_page(again)


def test_a_payment_that_bought_an_order_has_no_such_page(
    shop: Shop, staff: FlaskClient, order_id: UUID
) -> None:
    payment = latest_payment(shop, order_id)
    assert staff.get(f"/en/admin/payments/{payment.id}/refunds/new").status_code == 404


@pytest.mark.parametrize("search", ["QR-", "som@ex", "@somch", "re_", "\0%_", "x" * 5_000])
def test_refunds_are_found(shop: Shop, staff: FlaskClient, order_id: UUID, search: str) -> None:
    page = staff.get(f"/en/admin/orders/{order_id}/refunds/new")
    submit(staff, submit(staff, page, "/refunds", reason="to be found"), "/refunds")
    if search == "QR-":
        search = order_of(shop, order_id).reference
    if search == "re_":
        search = next(one.gateway_refund_id or "" for one in refunds_of(shop)[:1])
    page = staff.get("/en/admin/refunds", query_string={"q": search})

    assert page.status_code == 200
    is_nonsense = search.startswith(("\0", "xxx"))
    assert ("to be found" in text_of_page(page)) != is_nonsense


def test_the_pages_of_an_empty_shop(staff: FlaskClient) -> None:
    assert "No refunds yet" in text_of_page(staff.get("/en/admin/refunds"))
    assert "No refund matches" in text_of_page(staff.get("/en/admin/refunds?state=failed"))
    assert "No disputes" in text_of_page(staff.get("/en/admin/disputes"))


@pytest.mark.parametrize("path", ["refunds", "disputes"])
@pytest.mark.parametrize("wrong", ["1", "x", "00000000-0000-0000-0000-000000000000"])
def test_an_unknown_one_is_not_found(staff: FlaskClient, path: str, wrong: str) -> None:
    assert staff.get(f"/en/admin/{path}/{wrong}").status_code == 404


def test_only_who_may_refund_finds_the_pages(
    client: FlaskClient, make: Factory, sign_in: SignIn, order_id: UUID
) -> None:
    for role in ("customer", "moderator"):
        sign_in(client, make.user(role=role))
        for path in (
            "refunds",
            f"refunds/{new_id()}",
            f"orders/{order_id}/refunds/new",
            "disputes",
        ):
            assert client.get(f"/en/admin/{path}").status_code == 404
        assert client.post(f"/en/admin/orders/{order_id}/refunds").status_code == 404


def test_a_dispute_is_shown_with_what_it_did(
    shop: Shop, staff: FlaskClient, sandbox: RunningSandbox, order_id: UUID, buyer: User
) -> None:
    payment = latest_payment(shop, order_id)
    act(sandbox, payment.gateway_payment_id, "dispute")
    refresh_disputes(shop, payment.id)
    listed = staff.get("/en/admin/disputes")
    assert "The card holder says somebody else paid" in text_of_page(listed)
    link = re.search(r'/en/admin/disputes/([0-9a-f-]{36})"', listed.text)
    assert link
    shown = text_of_page(staff.get(f"/en/admin/disputes/{link[1]}"))
    assert "4 licences are suspended until it is decided." in shown
    assert "Evidence is due by" in shown

    with counted_queries(shop.database.reading_engine) as queries:
        staff.get(f"/en/admin/disputes/{link[1]}")
    assert len(queries) <= QUERY_CEILING

    refused = submit(
        staff,
        submit(
            staff,
            staff.get(f"/en/admin/orders/{order_id}/refunds/new"),
            "/refunds",
            reason="x",
        ),
        "/refunds",
    )
    assert refused.status_code == 409
    assert "A bank is taking this payment back" in text_of_page(refused)


def test_the_pages_stay_below_the_ceiling_of_queries(
    shop: Shop, staff: FlaskClient, order_id: UUID
) -> None:
    page = staff.get(f"/en/admin/orders/{order_id}/refunds/new")
    submit(staff, submit(staff, page, "/refunds", reason="x"), "/refunds")
    refund = refunds_of(shop)[0]
    for path in (
        "refunds",
        f"refunds/{refund.id}",
        f"orders/{order_id}/refunds/new",
        f"orders/{order_id}",
    ):
        with counted_queries(shop.database.reading_engine) as queries:
            assert staff.get(f"/en/admin/{path}").status_code == 200
        assert len(queries) <= QUERY_CEILING, (path, len(queries))


def test_the_buyer_reads_what_was_given_back_and_where_to(
    shop: Shop,
    client: FlaskClient,
    staff: FlaskClient,
    buyer: User,
    sign_in: SignIn,
    make: Factory,
    sandbox: RunningSandbox,
) -> None:
    make.cart(buyer, (make.product(price=baht(300)), 1))
    order_id = buy(shop, sandbox, buyer, baht(300), method=PaymentMethod.PROMPTPAY)
    page = staff.get(f"/en/admin/orders/{order_id}/refunds/new")
    submit(staff, submit(staff, page, "/refunds", reason="sorry for that"), "/refunds")

    sign_in(client, buyer)
    shown = text_of_page(client.get(f"/en/account/orders/{order_id}"))
    assert "to your bank account" in shown
    assert "sorry for that" in shown
    assert "asks for your bank account" in shown
    notices = text_of_page(client.get("/en/account/notifications"))
    assert "A refund of ฿300 is on its way to your bank." in notices
