"""The ledger against itself, the orders and the payments: every check finds what it is there for,
says how much it is, and is content again once it is mended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from storefront.checkout import flow
from storefront.disputes.models import Dispute
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
from storefront.ledger.models import AccountKind, PostingKind
from storefront.ledger.service import Leg, post_entries
from storefront.orders.models import PaymentMethod
from storefront.payments.models import Payment
from storefront.reconciliation.checks import BOOKS
from storefront.refunds.models import Refund
from tests.support.books import Books


@dataclass(frozen=True)
class Spoiled:
    """What a spoiler leads to: what is expected and what is there, in satang, and which other
    checks must see it too."""

    expected: int
    actual: int
    subject: str
    also: tuple[str, ...] = ()


def place_by_card(books: Books) -> Payment:
    """An order of 490 baht that nobody has paid."""
    user = books.make.user()
    books.make.cart(user, (books.make.product(price=baht(490)), 1))
    order_id = flow.place_order(
        books.shop,
        user_id=user.id,
        method=PaymentMethod.STRIPE,
        expected_total=baht(490),
        idempotency_key=str(new_id()),
        locale="en",
    ).order_id
    return books.payment_of(order_id)


def post(
    books: Books, kind: PostingKind, reference: str, account: AccountKind, amount: Money, **more
) -> None:
    """Book an amount on an account against adjustments."""
    books.is_untidy = True
    with books.shop.database.transaction() as session:
        post_entries(
            session,
            kind=kind,
            reference=reference,
            legs=[Leg(account, amount), Leg(AccountKind.ADJUSTMENTS, -amount)],
            **more,
        )


def add(books: Books, row: Refund | Dispute) -> None:
    """Write a row that nothing else knows of."""
    books.is_untidy = True
    with books.shop.database.transaction() as session:
        session.add(row)


def unbalanced(books: Books) -> Spoiled:
    books.make.wallet(books.make.user(), baht(100))
    books.corrupt(
        "UPDATE ledger_entries SET amount_satang = amount_satang - 7 WHERE account_id ="
        " (SELECT id FROM ledger_accounts WHERE kind = 'adjustments')"
    )
    return Spoiled(0, -7, "posting", also=("ledger_unbalanced",))


def unbalanced_as_a_whole(books: Books) -> Spoiled:
    unbalanced(books)
    return Spoiled(0, -7, "currency", also=("posting_unbalanced",))


def wallet_balance(books: Books) -> Spoiled:
    books.make.wallet(books.make.user(), baht(100))
    books.corrupt(
        "UPDATE ledger_accounts SET balance_satang = balance_satang + 5 WHERE user_id IS NOT NULL",
        "UPDATE wallet_lots SET amount_satang = amount_satang + 5,"
        " remaining_satang = remaining_satang + 5",
    )
    return Spoiled(10_000, 10_005, "account")


def wallet_lots(books: Books) -> Spoiled:
    books.make.wallet(books.make.user(), baht(100))
    books.corrupt("UPDATE wallet_lots SET remaining_satang = remaining_satang - 1")
    return Spoiled(10_000, 9_999, "account")


def order_unbooked(books: Books) -> Spoiled:
    place_by_card(books)
    books.corrupt("UPDATE orders SET state = 'completed' WHERE state = 'pending'")
    return Spoiled(49_000, 0, "order")


def order_booked_twice(books: Books) -> Spoiled:
    order_id = books.sell().subject_id
    post(
        books,
        PostingKind.PURCHASE,
        "once more",
        AccountKind.SALES,
        baht(490),
        subject_id=order_id,
    )
    return Spoiled(49_000, 98_000, "order")


def order_amount(books: Books) -> Spoiled:
    books.sell()
    books.corrupt(
        "UPDATE orders SET total_satang = 49_100, subtotal_satang = 49_100"
        " WHERE total_satang = 49_000"
    )
    return Spoiled(49_100, 49_000, "order")


def order_not_paid(books: Books) -> Spoiled:
    books.sell()
    books.corrupt("UPDATE orders SET state = 'cancelled' WHERE total_satang = 49_000")
    return Spoiled(0, 49_000, "order")


def purchase_without_order(books: Books) -> Spoiled:
    post(books, PostingKind.PURCHASE, "x", AccountKind.SALES, baht(9), subject_id=new_id())
    return Spoiled(0, 900, "posting")


def held_for_nobody(books: Books) -> Spoiled:
    post(books, PostingKind.WALLET_HOLD, f"order:{new_id()}", AccountKind.HELD, baht(9))
    return Spoiled(0, 900, "order")


def order_refunded(books: Books) -> Spoiled:
    books.refund(books.sell())
    books.corrupt("UPDATE orders SET refunded_satang = 48_900 WHERE refunded_satang > 0")
    return Spoiled(49_000, 48_900, "order")


def line_refunded(books: Books) -> Spoiled:
    books.refund(books.sell())
    books.corrupt("UPDATE order_items SET refunded_satang = 0 WHERE refunded_satang > 0")
    return Spoiled(49_000, 0, "order_line")


def payment_refunded(books: Books) -> Spoiled:
    books.refund(books.sell())
    books.corrupt("UPDATE payments SET refunded_satang = 1 WHERE refunded_satang > 0")
    return Spoiled(49_000, 1, "payment")


def refund_booking(books: Books) -> Spoiled:
    payment = books.sell()
    add(
        books,
        Refund(
            order_id=payment.subject_id,
            user_id=payment.user_id,
            destination="wallet",
            state="succeeded",
            amount_satang=49_000,
            currency="THB",
            reason="Not what I need",
            idempotency_key="r",
        ),
    )
    return Spoiled(49_000, 0, "refund", also=("order_refunded",))


def payment_unbooked(books: Books) -> Spoiled:
    place_by_card(books)
    books.corrupt(
        "UPDATE payments SET state = 'succeeded', gateway_payment_id = 'pi_x', paid_at = now()"
        " WHERE state = 'open'"
    )
    return Spoiled(49_000, 0, "payment")


def payment_booked_twice(books: Books) -> Spoiled:
    paid = books.sell().gateway_payment_id or ""
    post(books, PostingKind.WALLET_CREDIT, paid, AccountKind.GATEWAY, baht(-490))
    return Spoiled(49_000, 98_000, "payment", also=("charge_differs",))


def payment_amount(books: Books) -> Spoiled:
    books.sell()
    books.corrupt("UPDATE payments SET amount_satang = 50_000 WHERE amount_satang = 49_000")
    return Spoiled(50_000, 49_000, "payment")


def booking_without_payment(books: Books) -> Spoiled:
    post(books, PostingKind.TOPUP, "pi_nobody", AccountKind.GATEWAY, baht(-9))
    return Spoiled(0, 900, "posting", also=("charge_missing",))


def payment_given_back(books: Books) -> Spoiled:
    payment = books.sell()
    add(
        books,
        Dispute(
            gateway_dispute_id="du_x",
            payment_id=payment.id,
            state="lost",
            gateway_status="lost",
            reason="fraudulent",
            amount_satang=49_000,
            currency="THB",
        ),
    )
    return Spoiled(49_000, 0, "payment")


SPOILERS: dict[str, Callable[[Books], Spoiled]] = {
    "posting_unbalanced": unbalanced,
    "ledger_unbalanced": unbalanced_as_a_whole,
    "wallet_balance": wallet_balance,
    "wallet_lots": wallet_lots,
    "order_unbooked": order_unbooked,
    "order_booked_twice": order_booked_twice,
    "order_amount": order_amount,
    "order_not_paid": order_not_paid,
    "purchase_without_order": purchase_without_order,
    "held_amount": held_for_nobody,
    "order_refunded": order_refunded,
    "line_refunded": line_refunded,
    "payment_refunded": payment_refunded,
    "refund_booking": refund_booking,
    "payment_unbooked": payment_unbooked,
    "payment_booked_twice": payment_booked_twice,
    "payment_amount": payment_amount,
    "booking_without_payment": booking_without_payment,
    "payment_given_back": payment_given_back,
}


def test_every_check_of_the_books_has_its_spoiler() -> None:
    assert set(SPOILERS) == {code for check in BOOKS for code in check.codes}


@pytest.mark.parametrize("code", SPOILERS)
def test_what_was_spoiled_is_found_and_said(books: Books, code: str) -> None:
    books.sell(baht(20))
    assert books.reconcile().state == "clean", "the control: nothing is spoiled yet"

    spoiled = SPOILERS[code](books)
    run = books.reconcile()

    assert books.codes() == sorted((code, *spoiled.also))
    assert (run.state, run.fresh) == ("differences", 1 + len(spoiled.also))
    difference = next(one for one in books.open() if one.check_code == code)
    assert (difference.expected, difference.actual) == (spoiled.expected, spoiled.actual)
    assert (difference.subject_type, difference.currency) == (spoiled.subject, "THB")


def test_a_wallet_part_is_held_for_an_open_order_and_for_no_other(books: Books) -> None:
    payment = place_by_card(books)
    books.corrupt("UPDATE orders SET wallet_satang = 9_000")
    books.reconcile()
    assert [(one.check_code, one.expected, one.actual) for one in books.open()] == [
        ("held_amount", 9_000, 0)
    ]

    hold = (PostingKind.WALLET_HOLD, f"order:{payment.subject_id}", AccountKind.HELD)
    post(books, *hold, baht(90))
    books.reconcile()
    assert books.codes() == []

    books.corrupt("UPDATE orders SET state = 'expired'")
    books.reconcile()
    assert (books.only().expected, books.only().actual) == (0, 9_000)

    release = (PostingKind.WALLET_RELEASE, f"order:{payment.subject_id}", AccountKind.HELD)
    post(books, *release, baht(-90))
    books.reconcile()
    assert books.codes() == []


def test_what_a_wallet_refund_pays_out_is_held_until_the_gateway_took_it(books: Books) -> None:
    payment = books.top_up(baht(300))
    refund = Refund(
        id=new_id(),
        user_id=payment.user_id,
        destination="gateway",
        state="pending",
        amount_satang=30_000,
        kept_satang=2_000,
        currency="THB",
        reason="Not needed",
        idempotency_key="w",
        payment_id=payment.id,
    )
    add(books, refund)
    books.corrupt("UPDATE payments SET refunded_satang = 30_000")
    books.reconcile()
    assert (books.only().subject_type, books.only().expected) == ("refund", 28_000)

    reference = f"refund:{refund.id}"
    post(books, PostingKind.WALLET_REFUND, reference, AccountKind.HELD, baht(280))
    books.reconcile()
    assert books.codes() == []


def test_money_may_be_unattributed_for_ten_minutes(books: Books) -> None:
    payment_unbooked(books)

    books.reconcile(timedelta(minutes=9))
    assert books.codes() == []
    books.reconcile(timedelta(minutes=11))
    assert books.codes() == ["payment_unbooked"]


def test_free_orders_need_no_booking(books: Books) -> None:
    user = books.make.user()
    books.make.cart(user, (books.make.product(price=Money(0)), 1))
    flow.place_order(
        books.shop,
        user_id=user.id,
        method=PaymentMethod.STRIPE,
        expected_total=Money(0),
        idempotency_key=str(new_id()),
        locale="en",
    )
    assert books.reconcile().state == "clean"
