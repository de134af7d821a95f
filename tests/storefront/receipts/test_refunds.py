"""Credit notes: what was given back of a receipt, to the last satang of its VAT."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import select

from storefront.bootstrap import Shop
from storefront.errors import Conflict, NotFound
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
from storefront.orders.models import PaymentMethod
from storefront.receipts.models import Receipt
from storefront.receipts.service import RefundPaper, issue_refund_receipt, void_refund_receipt
from storefront.receipts.snapshot import unpack
from storefront.refunds.drafts import WalletRefundDraft
from storefront.refunds.flow import refresh_refunds, refund_payment, send_refund
from storefront.refunds.models import Destination, Refund
from storefront.refunds.papers import KEPT, SENT_BACK
from storefront.sandbox.serve import RunningSandbox
from storefront.wallet.models import TopUpPackage
from tests.storefront.orders.purchases import buy
from tests.storefront.receipts.refunding import give_back, receipts_of, register_seller
from tests.support import gateway
from tests.support.emptying import empty
from tests.support.factories import Factory
from tests.support.gateway import act, order_of, top_up

pytestmark = pytest.mark.usefixtures("sandbox_at_peace")


def issue(shop: Shop, paper: RefundPaper) -> UUID:
    with shop.database.transaction() as session:
        return issue_refund_receipt(session, paper, now=shop.clock())


def test_a_credit_note_names_its_receipt_and_what_is_left_of_it(shop: Shop, make: Factory) -> None:
    register_seller(shop, make.user(role="admin"))
    order = buy(shop, make, make.user(display_name="Mali"), (make.product(price=baht(107)), 1))

    give_back(shop, order, baht(50))

    receipt, note = receipts_of(shop, order)
    assert (note.kind, note.series, note.corrects_id) == ("refund", "CN", receipt.id)
    assert (note.amount, note.vat) == (baht(50), Money(327))
    assert (note.buyer_name, note.buyer_email) == ("Mali", receipt.buyer_email)
    content = unpack(note.content, currency="THB")
    assert (content.before, content.reason) == (baht(107), "Did not fit the server")
    assert content.destination == "wallet"


def test_the_notes_keep_to_the_vat_of_their_receipt(shop: Shop, make: Factory) -> None:
    staff = make.user(role="admin")
    order = buy(shop, make, make.user(), (make.product(price=baht(107)), 1))
    register_seller(shop, staff)
    give_back(shop, order, baht(50))
    with_vat = buy(shop, make, make.user(), (make.product(price=baht(107)), 1))
    register_seller(shop, staff, revision=1, vat_on=False)

    give_back(shop, order, baht(57))
    give_back(shop, with_vat, baht(107))

    assert [paper.vat for paper in receipts_of(shop, order)] == [Money(0)] * 3
    assert [paper.vat for paper in receipts_of(shop, with_vat)] == [baht(7), baht(7)]


@hypothesis_settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(parts=st.lists(st.integers(1, 30_000), min_size=1, max_size=8))
def test_an_order_given_back_in_parts_leaves_no_vat_over(
    shop: Shop, make: Factory, parts: Sequence[int]
) -> None:
    register_seller(shop, make.user(role="admin"))
    order = buy(shop, make, make.user(), (make.product(price=Money(sum(parts))), 1))

    for part in parts:
        give_back(shop, order, Money(part))

    receipt, *notes = receipts_of(shop, order)
    assert sum(note.amount_satang for note in notes) == receipt.amount_satang
    assert receipt.vat_satang - sum(note.vat_satang for note in notes) == 0
    empty(shop.database)


def paper_for(order_id: UUID | None, user_id: UUID, amount: Money, **given: object) -> RefundPaper:
    values: dict[str, object] = {
        "refund_id": new_id(),
        "order_id": order_id,
        "user_id": user_id,
        "destination": "wallet",
        "reason": "why",
        "lines": [("ก", "a", amount)],
        "amount": amount,
    }
    return RefundPaper(**(values | given))  # type: ignore[arg-type]


def test_more_than_was_taken_is_never_given_back(shop: Shop, make: Factory) -> None:
    user = make.user()
    order = buy(shop, make, user, (make.product(price=baht(100)), 1))
    give_back(shop, order, baht(60))

    for amount in (Money(4_001), Money(0), baht(-1)):
        with pytest.raises(Conflict) as refusal:
            issue(shop, paper_for(order.id, user.id, amount))
        assert refusal.value.code == "refund_exceeds_receipt"
    with pytest.raises(ValueError, match="add up"):
        issue(shop, paper_for(order.id, user.id, baht(1), lines=[("ก", "a", baht(2))]))


def test_nothing_is_given_back_of_a_receipt_that_is_not_there_or_not_theirs(
    shop: Shop, make: Factory
) -> None:
    user, other = make.user(), make.user()
    order = buy(shop, make, user, (make.product(price=baht(100)), 1))

    for paper in (
        paper_for(new_id(), user.id, baht(1)),
        paper_for(order.id, other.id, baht(1)),
        paper_for(None, user.id, baht(1), payment_id=new_id()),
        paper_for(None, user.id, baht(1)),
    ):
        with pytest.raises(NotFound) as refusal:
            issue(shop, paper)
        assert refusal.value.code == "receipt_not_found"


def test_the_same_refund_has_one_note(shop: Shop, make: Factory) -> None:
    order = buy(shop, make, make.user(), (make.product(price=baht(100)), 1))
    refund_id = give_back(shop, order, baht(60))

    again = issue(shop, paper_for(order.id, order.user_id, baht(60), refund_id=refund_id))

    (_receipt, note) = receipts_of(shop, order)
    assert again == note.id


def test_the_note_of_money_that_came_back_is_void_and_its_part_can_be_given_again(
    shop: Shop, make: Factory, sandbox: RunningSandbox
) -> None:
    register_seller(shop, make.user(role="admin"))
    user = make.user()
    make.cart(user, (make.product(price=baht(107)), 1))
    order = order_of(shop, gateway.buy(shop, sandbox, user, baht(107)))
    refund_id = give_back(shop, order, baht(107), to=Destination.GATEWAY)
    send_refund(shop, refund_id)
    with shop.database.reading() as session:
        refund = session.get_one(Refund, refund_id)
    act(sandbox, refund.gateway_refund_id, "fail")
    for _ in range(2):
        refresh_refunds(shop, refund.payment_id or new_id())

    give_back(shop, order, baht(107))

    _receipt, void, note = receipts_of(shop, order)
    assert (bool(void.void_reason), note.void_reason) == (True, None)
    assert void.vat == note.vat == baht(7)
    with shop.database.transaction() as session:
        assert void_refund_receipt(session, new_id(), reason="x", now=shop.clock()) is None


def test_a_top_up_given_back_corrects_its_own_receipt(
    shop: Shop, make: Factory, sandbox: RunningSandbox
) -> None:
    user = make.user()
    payment = top_up(shop, sandbox, user, baht(500), package_id=make_package(shop))
    make.cart(user, (make.product(price=baht(50)), 1))
    gateway.place(shop, user, baht(50), method=PaymentMethod.BALANCE)
    refund_payment(
        shop,
        payment.id,
        WalletRefundDraft(amount=baht(500), reason="why", idempotency_key=str(new_id())),
        actor_id=user.id,
    )

    with shop.database.reading() as session:
        advance, _order, note = session.scalars(select(Receipt).order_by(Receipt.id)).all()
    assert (note.corrects_id, note.amount, note.payment_id) == (
        advance.id,
        baht(450),
        payment.id,
    )
    assert [line["name_en"] for line in note.content["lines"]] == [SENT_BACK[1], KEPT[1]]


def make_package(shop: Shop) -> UUID:
    """500 baht with a bonus of 50."""
    package = TopUpPackage(name_th="x", name_en="x", amount_satang=50_000, bonus_satang=5_000)
    with shop.database.transaction() as session:
        session.add(package)
        session.flush()
        return package.id
