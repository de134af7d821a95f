"""The ledger pages of the back office: every posting, what one thing caused, and the sums."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from admin.ledger_subjects import about_subject, find_about
from storefront.accounts.models import Role, User
from storefront.bootstrap import Shop
from storefront.kit.clock import SHOP_ZONE
from storefront.kit.money import Money, baht
from storefront.ledger.models import AccountKind, LedgerPosting, PostingKind
from storefront.ledger.queries import PostingFilter, list_postings, sum_accounts
from storefront.orders.models import Order
from storefront.payments.models import Payment
from storefront.sandbox.serve import RunningSandbox
from tests.admin.money_stories import (
    dispute_topup,
    paid_by_card,
    paid_late,
    read,
    refund_to_card,
    send_back,
)
from tests.storefront.orders.purchases import QUERY_CEILING, buy, counted_queries
from tests.support.browser import text_of_page
from tests.support.factories import Factory, SignIn

pytestmark = pytest.mark.usefixtures("sandbox_at_peace")
LIST = "/en/admin/ledger"
ACCOUNTS = f"{LIST}/accounts"
UNKNOWN_ID = "01900000-0000-7000-8000-000000000001"
HOSTILE = (
    "%",
    "_",
    "'; DROP TABLE x; --",
    "\\",
    "🦊",
    "9" * 19,
    "x" * 10_000,
    "\0",
    "QR-" + "9" * 13,
)


@pytest.fixture
def buyer(make: Factory) -> User:
    return make.user(username="somchai", email="som@example.com")


def kinds_of(shop: Shop, wanted: PostingFilter | None) -> list[PostingKind]:
    """Which postings match, newest first."""
    if wanted is None:
        return []
    with shop.database.reading() as session:
        return [row.kind for row in list_postings(session, wanted).items]


def about(shop: Shop, text: str) -> PostingFilter | None:
    with shop.database.reading() as session:
        found = find_about(session, text)
    return found.postings if found else None


def sums_on(page_text: str) -> str:
    """The last row of the table of sums."""
    found = re.search(r"All accounts together (฿\S+ [A-Za-z ]+?) (?:Postings|Money at)", page_text)
    assert found, page_text
    return found[1]


@pytest.mark.parametrize("role", [Role.CUSTOMER, Role.MODERATOR])
def test_only_admins_find_the_ledger(
    client: FlaskClient, make: Factory, sign_in: SignIn, shop: Shop, role: Role
) -> None:
    make.wallet(make.user(), baht(10))
    with shop.database.reading() as session:
        posting_id = session.scalars(select(LedgerPosting.id)).one()
    sign_in(client, make.user(role=role))

    for path in (LIST, ACCOUNTS, f"{LIST}.csv", f"{LIST}/{posting_id}"):
        assert client.get(path).status_code == 404, path


@pytest.mark.parametrize("posting_id", ["1", "abc", "0" * 300, "%00", UNKNOWN_ID])
def test_an_unknown_or_malformed_posting_is_not_found(staff: FlaskClient, posting_id: str) -> None:
    assert staff.get(f"{LIST}/{posting_id}").status_code == 404


def test_the_ledger_page_of_an_order_with_its_refund_adds_up_to_zero(
    staff: FlaskClient, shop: Shop, make: Factory, sandbox: RunningSandbox, buyer: User
) -> None:
    payment = paid_by_card(shop, make, sandbox, buyer, baht(490))
    refund = refund_to_card(shop, payment, baht(90))
    buy(shop, make, buyer, (make.product(), 1))
    order = read(shop, Order, payment.subject_id)

    text = text_of_page(staff.get(f"{LIST}?subject={order.id}"))

    assert f"Everything that was booked about: Order {order.reference}" in text
    assert sums_on(text) == "฿0 Adds up to zero"
    assert "Payment gateway 2 ฿400 –" in text
    assert "Sales 1 – ฿490" in text
    assert "Refunds 1 ฿90 –" in text
    assert f"refund:{refund.id}" in text
    assert str(payment.gateway_payment_id) in text
    assert text.count("Adds up to zero") == 3


def test_the_ledger_page_of_a_top_up_with_its_dispute_adds_up_to_zero(
    staff: FlaskClient, shop: Shop, make: Factory, buyer: User
) -> None:
    topup = make.topup(buyer, baht(100), bonus=baht(10))
    make.topup(buyer, baht(900))
    dispute = dispute_topup(shop, topup, fee=baht(15))

    text = text_of_page(staff.get(f"{LIST}?subject={topup.id}"))

    assert "Everything that was booked about: Top-up of ฿100" in text
    assert sums_on(text) == "฿0 Adds up to zero"
    assert "Wallet, bonus 2 – –" in text, "its bonus was taken back"
    assert "Payment gateway 3 – ฿15" in text
    assert "Gateway fees 1 ฿15 –" in text
    assert text.count(dispute.gateway_dispute_id) == 2
    assert "฿900" not in text


def test_an_order_that_was_paid_late_shows_the_credit_and_its_refund(
    shop: Shop, make: Factory, sandbox: RunningSandbox, buyer: User
) -> None:
    late = paid_late(shop, make, sandbox, buyer, baht(490))
    send_back(shop, late, baht(490))

    with shop.database.reading() as session:
        for subject_id in (late.subject_id, late.id):
            postings = about_subject(session, subject_id).postings
            assert kinds_of(shop, postings) == [
                PostingKind.REFUND,
                PostingKind.WALLET_REFUND,
                PostingKind.WALLET_CREDIT,
            ]
            assert sum_accounts(session, postings).total == Money(0)


def test_a_payment_of_an_order_says_nothing_of_other_peoples_refunds(
    shop: Shop, make: Factory, sandbox: RunningSandbox, buyer: User
) -> None:
    """A refund without an order is of a top-up: it must not be taken for one of this payment."""
    payment = paid_by_card(shop, make, sandbox, buyer, baht(490))
    refund_to_card(shop, paid_by_card(shop, make, sandbox, make.user(), baht(300)), baht(30))

    with shop.database.reading() as session:
        assert kinds_of(shop, about_subject(session, payment.id).postings) == [PostingKind.PURCHASE]


def test_everything_about_a_person_is_what_touched_their_accounts(
    staff: FlaskClient, make: Factory, buyer: User
) -> None:
    make.wallet(buyer, baht(100))
    make.wallet(make.user(), baht(77))

    text = text_of_page(staff.get(f"{LIST}?subject={buyer.id}"))

    assert "about: @somchai" in text
    assert "฿100" in text
    assert "฿77" not in text


def test_postings_are_found_by_what_staff_know(
    shop: Shop, make: Factory, sandbox: RunningSandbox, buyer: User
) -> None:
    payment = paid_by_card(shop, make, sandbox, buyer, baht(490))
    refund = refund_to_card(shop, payment, baht(90))
    order = read(shop, Order, payment.subject_id)
    make.wallet(make.user(username="somchay"), baht(10))
    make.wallet(buyer, baht(20))

    of_order = [PostingKind.REFUND, PostingKind.PURCHASE]
    for text in (order.reference, str(order.number), str(order.id), str(payment.id)):
        assert kinds_of(shop, about(shop, text)) == of_order, text
    for text in (payment.gateway_payment_id, payment.gateway_session_id):
        assert kinds_of(shop, about(shop, text or "")) == [PostingKind.PURCHASE], text
    for text in (refund.gateway_refund_id, f"refund:{refund.id}"):
        assert kinds_of(shop, about(shop, text or "")) == [PostingKind.REFUND], text
    for text in ("somchai", "@Somchai", "som@ex", str(buyer.discord_id)):
        assert kinds_of(shop, about(shop, text)) == [PostingKind.ADJUSTMENT], text
    assert about(shop, "QR-99999") is None


def test_filters_by_kind_account_and_day_go_together(
    shop: Shop, make: Factory, buyer: User
) -> None:
    just_after_midnight = datetime(2026, 11, 21, 0, 30, tzinfo=SHOP_ZONE)
    make.topup(buyer, baht(100), now=just_after_midnight.astimezone(UTC))
    make.bonus(buyer, baht(5))
    day, greenwich = just_after_midnight.date(), just_after_midnight.astimezone(UTC).date()

    top_up, adjusted = [PostingKind.TOPUP], [PostingKind.ADJUSTMENT]
    assert kinds_of(shop, PostingFilter(kind=PostingKind.TOPUP)) == top_up
    assert kinds_of(shop, PostingFilter(account=AccountKind.WALLET_BONUS)) == adjusted
    assert kinds_of(shop, PostingFilter(account=AccountKind.GATEWAY)) == top_up
    assert kinds_of(shop, PostingFilter(day=day)) == top_up
    assert kinds_of(shop, PostingFilter(day=greenwich)) == []
    assert kinds_of(shop, PostingFilter(account=AccountKind.WALLET_PAID, person="som")) == top_up
    assert kinds_of(shop, PostingFilter(account=AccountKind.SALES, person="som")) == []
    assert kinds_of(shop, PostingFilter()) == adjusted + top_up


def test_filters_stand_in_the_address_together(
    staff: FlaskClient, make: Factory, buyer: User
) -> None:
    for _ in range(16):
        make.wallet(buyer, baht(1))

    page = staff.get(f"{LIST}?q=somchai&kind=adjustment&account=wallet_paid").text

    assert '<option value="adjustment" selected>' in page
    assert '<option value="wallet_paid" selected>' in page
    assert 'value="somchai"' in page
    kept = "q=somchai&amp;kind=adjustment&amp;account=wallet_paid"
    assert re.search(rf'href="{LIST}\?cursor=[\w-]+&amp;{kept}"', page)
    assert f'href="{LIST}.csv?{kept}"' in page


def test_pages_follow_each_other_to_the_end(shop: Shop, make: Factory, buyer: User) -> None:
    for _ in range(5):
        make.wallet(buyer, baht(1))
    seen: list[object] = []
    cursor = None

    with shop.database.reading() as session:
        whole = [row.id for row in list_postings(session).items]
        while True:
            page = list_postings(session, cursor=cursor, limit=2)
            seen += [row.id for row in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break

    assert seen == whole
    assert len(seen) == 5


def test_an_empty_ledger_differs_from_a_search_without_a_match(
    staff: FlaskClient, make: Factory
) -> None:
    assert "Nothing was booked yet" in staff.get(LIST).text
    assert "Nothing was booked yet" in staff.get(ACCOUNTS).text
    make.wallet(make.user(), baht(1))
    queries = (
        *("q=nobody", "q=QR-99999", f"subject={UNKNOWN_ID}", "subject=nonsense"),
        *("kind=purchase", "account=losses", "day=2020-01-01"),
    )
    for query in queries:
        assert "No posting matches" in staff.get(f"{LIST}?{query}").text, query


@pytest.mark.parametrize("name", ["q", "subject", "kind", "account", "day", "cursor"])
@pytest.mark.parametrize("path", [LIST, f"{LIST}.csv"])
def test_hostile_words_break_nothing(
    staff: FlaskClient, make: Factory, name: str, path: str
) -> None:
    make.wallet(make.user(username="anna"), baht(1))

    for text in HOSTILE:
        answer = staff.get(path, query_string={name: text})
        shown = answer.text
        assert answer.status_code == 200, text
        if name == "q" and text.strip("\0"):
            assert "anna" not in shown, text


def test_the_accounts_add_up_to_zero(
    staff: FlaskClient, shop: Shop, make: Factory, buyer: User
) -> None:
    make.topup(buyer, baht(500), bonus=baht(50))
    buy(shop, make, make.user(), (make.product(price=baht(300)), 1))

    page = staff.get(ACCOUNTS)
    text = text_of_page(page)

    for row in (
        "Wallet, paid 3 – ฿500",
        "Wallet, bonus 1 – ฿50",
        "Payment gateway 1 ฿500 –",
        "Sales 1 – ฿300",
        "Bonus expense 1 ฿50 –",
        "Adjustments 1 ฿300 –",
    ):
        assert row in text, row
    assert sums_on(text) == "฿0 Adds up to zero"
    assert f'href="{LIST}?account=sales"' in page.text


def test_sums_are_those_of_everything_that_matches_and_not_of_one_page(
    shop: Shop, make: Factory, buyer: User
) -> None:
    for _ in range(20):
        make.wallet(buyer, baht(1))

    with shop.database.reading() as session:
        sums = sum_accounts(session, PostingFilter(owner_id=buyer.id))

    assert [(one.account, one.amount, one.entries) for one in sums.accounts] == [
        (AccountKind.WALLET_PAID, baht(20), 20),
        (AccountKind.ADJUSTMENTS, -baht(20), 20),
    ]


def test_one_posting_has_its_own_page(
    staff: FlaskClient, shop: Shop, make: Factory, buyer: User
) -> None:
    order = buy(shop, make, buyer, (make.product(price=baht(300)), 1))
    with shop.database.reading() as session:
        posting = session.scalars(
            select(LedgerPosting).where(LedgerPosting.subject_id == order.id)
        ).one()

    page = staff.get(f"{LIST}/{posting.id}")
    text = text_of_page(page)

    assert f"order:{order.id}" in text
    assert f"Order {order.reference}" in text
    assert "Wallet, paid @somchai ฿300 –" in text
    assert "Sales – ฿300" in text
    assert f'href="{LIST}?subject={order.id}"' in page.text
    assert f'href="/en/admin/wallets/{buyer.id}"' in page.text


def test_the_pages_stay_under_the_ceiling_of_queries(
    staff: FlaskClient, shop: Shop, make: Factory, sandbox: RunningSandbox, buyer: User
) -> None:
    payment = paid_by_card(shop, make, sandbox, buyer, baht(490))
    refund_to_card(shop, payment, baht(90))
    for _ in range(20):
        make.topup(buyer, baht(20))
    with shop.database.reading() as session:
        posting_id = session.scalars(select(LedgerPosting.id).limit(1)).one()
        order_id = session.scalars(select(Payment.subject_id).where(Payment.id == payment.id)).one()

    paths = (
        *(LIST, ACCOUNTS, f"{LIST}/{posting_id}", f"{LIST}?subject={order_id}"),
        *(f"{LIST}?q=QR-100001", f"{LIST}?q=somchai&kind=topup", f"{LIST}?account=gateway"),
    )
    for path in paths:
        with counted_queries(shop.database.engine) as seen:
            page = staff.get(path)
        assert page.status_code == 200
        assert 0 < len(seen) <= QUERY_CEILING, (path, len(seen))
    assert "Older postings" in text_of_page(page)
