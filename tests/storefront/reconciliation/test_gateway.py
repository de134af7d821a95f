"""The ledger against the gateway: what agrees is clean, what does not is named."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from storefront.checkout import flow
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
from storefront.ledger.models import AccountKind, LedgerAccount, LedgerEntry, PostingKind
from storefront.orders.models import PaymentMethod
from storefront.payments.models import Payment
from storefront.reconciliation.balances import read_balances
from storefront.reconciliation.checks import GATEWAY
from storefront.reconciliation.models import GatewayMovement
from storefront.refunds.flow import refresh_refunds
from tests.support.books import Books


def gateway_balance(books: Books) -> Money:
    """The ledger's gateway account."""
    with books.shop.database.reading() as session:
        total = session.scalar(
            select(func.sum(LedgerEntry.amount_satang))
            .join(LedgerAccount, LedgerAccount.id == LedgerEntry.account_id)
            .where(LedgerAccount.kind == AccountKind.GATEWAY)
        )
    return Money(int(total or 0))


def stripe_balance(books: Books) -> Money:
    """What Stripe holds: everything that moved, less its fees."""
    return Money(sum(one.net for one in books.movements()))


def test_sales_refunds_disputes_and_payouts_agree_to_the_satang(books: Books) -> None:
    books.sell(baht(490))
    books.sell(baht(250), method="promptpay")
    books.send_back(books.top_up(baht(300)), baht(100))
    books.fail_refund(books.send_back(books.top_up(baht(310)), baht(310)))
    books.refund(books.sell(baht(120)))
    books.fail_refund(books.refund(books.sell(baht(130))))
    books.dispute(books.sell(baht(200)))
    for verdict, price in (("won", baht(210)), ("lost", baht(220))):
        disputed = books.sell(price)
        books.decide(disputed, books.dispute(disputed), verdict)
    books.dispute(books.top_up(baht(320)))
    pay_in_parts(books, "paid", "open", "cancelled")
    books.control("stripe/movements", kind="fee", amount=-2_500)
    books.control("stripe/movements", kind="payout", amount=-10_000)

    run = books.reconcile()

    assert books.codes() == []
    assert run.state == "clean"
    assert (run.movements, run.fees_booked) == (24, 12)
    (balances,) = read_balances(run.balances)
    assert balances.unexplained == Money(0)
    assert balances.paid_out == baht(100)
    assert balances.at_gateway == stripe_balance(books)
    # The account's balance is what Stripe holds and what it paid out, with the opposite sign.
    assert gateway_balance(books) == -(stripe_balance(books) + baht(100))
    assert {line.name: line.difference for line in balances.lines} == dict.fromkeys(
        ("charges", "refunds", "disputes", "fees"), Money(0)
    )


def movement_of(books: Books, kind: str) -> str:
    """The latest movement of this category."""
    found: str = next(one.id for one in books.movements() if one.reporting_category == kind)
    return found


def test_a_payment_taken_behind_the_shops_back_is_unknown(books: Books) -> None:
    books.sell()
    intent = books.control("stripe/movements", kind="charge", amount=12_345)

    books.reconcile()

    difference = books.only()
    assert difference.check_code == "charge_unknown"
    assert difference.subject_id == intent["id"]
    assert (difference.expected, difference.actual) == (None, 12_345)
    assert "payment_id" not in difference.detail


@pytest.mark.parametrize("method", ["stripe", "promptpay"])
def test_a_payment_whose_webhook_was_lost_leads_to_the_payment_and_its_order(
    books: Books, method: str
) -> None:
    payment = place(books, method)
    books.act(payment.gateway_session_id, "pay" if method == "stripe" else "succeed")

    books.reconcile()

    difference = books.only()
    assert difference.check_code == "charge_unknown"
    assert difference.detail["payment_id"] == str(payment.id)
    assert difference.detail["order_id"] == str(payment.subject_id)

    flow.refresh_order(books.shop, payment.subject_id)
    run = books.reconcile()
    assert (run.state, run.resolved) == ("clean", 1)


def test_what_is_young_is_left_for_the_next_run(books: Books) -> None:
    books.sell()
    books.control("stripe/movements", kind="charge", amount=12_345)

    run = books.reconcile(timedelta(minutes=59))

    assert run.state == "clean"
    (balances,) = read_balances(run.balances)
    assert balances.earned.difference == balances.young == Money(12_345)
    assert balances.unexplained == Money(0)

    books.reconcile(timedelta(minutes=61))
    assert books.codes() == ["charge_unknown"]


def test_a_movement_stripe_does_not_list_is_missing(books: Books) -> None:
    payment = books.sell()
    hidden = movement_of(books, "charge")
    books.act(hidden, "hide")

    books.reconcile()

    difference = books.only()
    assert (difference.check_code, difference.subject_id) == (
        "charge_missing",
        payment.gateway_payment_id,
    )
    assert (difference.expected, difference.actual) == (49_000, None)
    assert difference.detail["payment_id"] == str(payment.id)

    books.act(hidden, "show")
    assert books.reconcile().state == "clean"


@pytest.mark.parametrize(
    ("verb", "change", "actual"),
    [
        ("change", {"amount": 48_900}, 48_900),
        ("duplicate", {}, 98_000),
        ("change", {"currency": "usd"}, 49_000),
    ],
)
def test_another_amount_or_currency_and_a_second_movement_differ(
    books: Books, verb: str, change: dict[str, object], actual: int
) -> None:
    books.sell()
    books.act(movement_of(books, "charge"), verb, **change)

    run = books.reconcile()

    difference = books.only()
    assert (difference.check_code, difference.actual) == ("charge_differs", actual)
    assert difference.expected == 49_000
    assert difference.detail["movements"] == (2 if verb == "duplicate" else 1)
    if "currency" in change:
        assert difference.detail["gateway_currency"] == "USD"
    else:
        (balances,) = read_balances(run.balances)
        assert balances.unexplained == Money(actual - 49_000)


def test_a_refund_made_by_hand_is_unknown_and_one_that_is_gone_is_missing(books: Books) -> None:
    by_hand, booked = books.sell(), books.sell(baht(120))
    intent = {"payment_intent": by_hand.gateway_payment_id or ""}
    refund_id = books.stripe.v1.refunds.create(intent).id  # type: ignore[arg-type]
    gone = books.refund(booked)
    books.act(movement_of(books, "refund"), "hide")

    books.reconcile()

    missing, unknown = books.open()
    assert (missing.check_code, missing.subject_id) == ("refund_missing", gone.gateway_refund_id)
    assert (missing.expected, missing.actual) == (-12_000, None)
    assert (unknown.check_code, unknown.subject_id) == ("refund_unknown", refund_id)
    assert (unknown.expected, unknown.actual) == (None, -49_000)
    assert unknown.detail["payment_id"] == str(by_hand.id)

    # Where an order has room for it, the shop takes it in once it hears of it.
    refresh_refunds(books.shop, by_hand.id)
    books.reconcile()
    assert books.codes() == ["refund_missing"]


def test_a_refund_that_was_sent_twice_differs(books: Books) -> None:
    books.refund(books.sell())
    books.act(movement_of(books, "refund"), "duplicate")

    books.reconcile()

    difference = books.only()
    assert difference.check_code == "refund_differs"
    assert (difference.expected, difference.actual) == (-49_000, -98_000)


def test_a_refund_that_came_back_and_was_not_booked_differs(books: Books) -> None:
    refund = books.refund(books.sell())
    books.act(refund.gateway_refund_id, "fail")

    books.reconcile()

    difference = books.only()
    assert difference.check_code == "refund_differs"
    assert (difference.expected, difference.actual) == (-49_000, 0)


def test_a_dispute_the_shop_never_heard_of_is_unknown_with_its_fee(books: Books) -> None:
    payment = books.sell()
    dispute_id = books.act(payment.gateway_payment_id, "dispute")["id"]

    books.reconcile()

    difference = books.only()
    assert (difference.check_code, difference.subject_id) == ("dispute_unknown", dispute_id)
    assert (difference.expected, difference.actual) == (None, -64_000)
    assert difference.detail["payment_id"] == str(payment.id)


def test_a_dispute_that_is_gone_is_missing_and_one_without_its_fee_differs(books: Books) -> None:
    books.dispute(books.sell())
    hidden = movement_of(books, "dispute")
    books.act(hidden, "hide")
    books.reconcile()
    assert (books.only().check_code, books.only().expected) == ("dispute_missing", -64_000)

    books.act(hidden, "show")
    books.corrupt(
        "UPDATE ledger_entries SET amount_satang = sign(amount_satang) * 10_000"
        " WHERE posting_id = (SELECT id FROM ledger_postings WHERE kind = 'dispute_fee')"
    )
    books.reconcile()
    difference = books.only()
    assert difference.check_code == "dispute_differs"
    assert (difference.expected, difference.actual) == (-59_000, -64_000)


def test_what_stripe_moved_without_a_word_is_unknown(books: Books) -> None:
    moved = books.control("stripe/movements", kind="adjustment", amount=-700)

    run = books.reconcile()

    difference = books.only()
    assert (difference.check_code, difference.subject_id) == ("movement_unknown", moved["id"])
    assert (difference.expected, difference.actual) == (None, -700)
    (balances,) = read_balances(run.balances)
    assert [line.name for line in balances.lines][-1] == "other"


def test_a_booking_on_the_gateway_account_that_nothing_explains_is_missing(books: Books) -> None:
    books.is_untidy = True
    with books.shop.database.transaction() as session:
        books.post(session, PostingKind.ADJUSTMENT, "x", baht(-5), AccountKind.SALES)

    books.reconcile()

    difference = books.only()
    assert (difference.check_code, difference.subject_type) == ("booking_missing", "posting")
    assert (difference.expected, difference.actual) == (500, None)


def test_every_fee_is_booked_once_and_a_fee_given_back_too(books: Books) -> None:
    books.sell(baht(490))
    books.sell(baht(490), method="promptpay")
    books.control("stripe/movements", kind="fee", amount=-2_500)
    books.control("stripe/movements", kind="fee", amount=100)

    first, second = books.reconcile(), books.reconcile()

    assert (first.fees_booked, second.fees_booked, second.movements) == (4, 0, 0)
    with books.shop.database.reading() as session:
        fees = session.scalar(
            select(func.sum(LedgerEntry.amount_satang))
            .join(LedgerAccount, LedgerAccount.id == LedgerEntry.account_id)
            .where(LedgerAccount.kind == AccountKind.FEES)
        )
        booked = session.scalar(select(func.count()).where(GatewayMovement.posting_id.is_not(None)))
    # 3.65 % and 10 baht of the card, 1.65 % of PromptPay.
    assert fees == -(1_789 + 1_000 + 809 + 2_500 - 100)
    assert booked == 4


def test_the_fee_of_a_dispute_is_booked_with_the_dispute_and_not_again(books: Books) -> None:
    books.dispute(books.sell())

    run = books.reconcile()

    assert (run.state, run.fees_booked) == ("clean", 1)


def test_a_fee_that_was_booked_otherwise_is_found(books: Books) -> None:
    books.sell()
    books.reconcile()
    books.corrupt(
        "UPDATE ledger_entries SET amount_satang = sign(amount_satang) * 2_000"
        " WHERE posting_id = (SELECT id FROM ledger_postings WHERE kind = 'gateway_fee')"
    )
    with books.shop.database.transaction() as session:
        books.post(session, PostingKind.GATEWAY_FEE, "txn_nobody", baht(3), AccountKind.FEES)

    books.reconcile()

    differs, unknown = books.open()
    assert (differs.check_code, differs.expected, differs.actual) == ("fee_differs", 2_000, 2_789)
    assert (unknown.check_code, unknown.subject_id) == ("fee_unknown", "txn_nobody")


def test_every_check_of_the_gateway_is_shown_above() -> None:
    shown = Path(__file__).read_text(encoding="utf-8")
    assert [code for check in GATEWAY for code in check.codes if f'"{code}"' not in shown] == []


def pay_in_parts(books: Books, *outcomes: str) -> None:
    """Orders of 490 baht of which the wallet pays 100: paid, waiting, given up."""
    for outcome in outcomes:
        payment = place(books, "stripe", wallet_part=baht(100))
        if outcome == "paid":
            books.act(payment.gateway_session_id, "pay")
            flow.refresh_order(books.shop, payment.subject_id)
        if outcome == "cancelled":
            flow.cancel_order(books.shop, payment.subject_id, user_id=payment.user_id)


def place(books: Books, method: str, wallet_part: Money = Money(0)) -> Payment:
    """An order of 490 baht whose payment is open."""
    user = books.make.user()
    if wallet_part:
        books.make.wallet(user, wallet_part)
    books.make.cart(user, (books.make.product(price=baht(490)), 1))
    placed = flow.place_order(
        books.shop,
        user_id=user.id,
        method=PaymentMethod(method),
        wallet_part=wallet_part,
        expected_total=baht(490),
        idempotency_key=str(new_id()),
        locale="en",
    )
    return books.payment_of(placed.order_id)
