"""Giving back lines of an order: into the wallet, the way it was paid, or both."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import select

from storefront.accounts.models import AuditEntry, User
from storefront.bootstrap import Shop
from storefront.errors import Conflict, DomainError, NotFound
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
from storefront.orders.models import Order, PaymentMethod
from storefront.promos.models import PromoUse
from storefront.refunds.flow import refresh_refunds, refund_order
from storefront.refunds.models import Destination, LicenseRule, RefundState
from storefront.sandbox.serve import RunningSandbox
from storefront.wallet.queries import Pots
from tests.support.factories import Factory
from tests.support.gateway import act, buy, latest_payment, order_of, place
from tests.support.giving import (
    TOTAL,
    draft,
    licenses_of,
    lines_of,
    pots_of,
    refunds_of,
    whole,
)

pytestmark = pytest.mark.usefixtures("sandbox_at_peace")


def test_one_line_goes_into_the_wallet_and_the_rest_to_the_card(
    shop: Shop, buyer: User, staff: User, card_order: UUID
) -> None:
    big, small = lines_of(shop, card_order)

    states = refund_order(
        shop, card_order, draft({big.id: baht(300)}, Destination.WALLET), actor_id=staff.id
    )
    assert states == [RefundState.SUCCEEDED]
    assert order_of(shop, card_order).state == "partially_refunded"
    assert pots_of(shop, buyer) == Pots(paid=baht(300), bonus=baht(0))
    assert licenses_of(shop, big) == ["revoked"]
    assert licenses_of(shop, small) == ["active"] * 3

    states = refund_order(shop, card_order, draft({small.id: baht(120)}), actor_id=staff.id)
    assert states == [RefundState.SUCCEEDED]
    assert order_of(shop, card_order).state == "refunded"
    assert pots_of(shop, buyer).total == baht(300)
    assert latest_payment(shop, card_order).refunded_satang == 12_000
    assert licenses_of(shop, small) == ["revoked"] * 3


def test_wallet_and_card_get_back_what_each_paid(
    shop: Shop, sandbox: RunningSandbox, make: Factory, buyer: User, staff: User
) -> None:
    make.wallet(buyer, baht(50))
    make.bonus(buyer, baht(30))
    order_id = buy(shop, sandbox, buyer, TOTAL, wallet_part=baht(80))
    assert pots_of(shop, buyer).total == baht(0)

    states = refund_order(shop, order_id, draft(whole(shop, order_id)), actor_id=staff.id)

    assert states == [RefundState.SUCCEEDED, RefundState.SUCCEEDED]
    assert {(r.destination, r.amount_satang) for r in refunds_of(shop, order_id)} == {
        ("gateway", 34_000),
        ("wallet", 8_000),
    }
    assert pots_of(shop, buyer) == Pots(paid=baht(50), bonus=baht(30))


def test_no_refund_turns_bonus_into_money(
    shop: Shop, make: Factory, buyer: User, staff: User
) -> None:
    make.wallet(buyer, baht(100))
    make.bonus(buyer, baht(320))
    order_id = place(shop, buyer, TOTAL, method=PaymentMethod.BALANCE)
    big, small = lines_of(shop, order_id)

    refund_order(shop, order_id, draft({big.id: baht(300)}, Destination.WALLET), actor_id=staff.id)
    assert pots_of(shop, buyer) == Pots(paid=baht(0), bonus=baht(300))

    # To the origin of an order that the wallet paid is into the wallet as well.
    refund_order(shop, order_id, draft({small.id: baht(120)}), actor_id=staff.id)
    assert pots_of(shop, buyer) == Pots(paid=baht(100), bonus=baht(320))


def test_a_part_of_a_line_ends_as_many_licences_as_whole_units_came_back(
    shop: Shop, staff: User, card_order: UUID
) -> None:
    small = lines_of(shop, card_order)[1]

    refund_order(shop, card_order, draft({small.id: baht(39)}), actor_id=staff.id)
    assert licenses_of(shop, small) == ["active"] * 3
    refund_order(shop, card_order, draft({small.id: baht(41)}), actor_id=staff.id)
    assert licenses_of(shop, small) == ["active", "revoked", "revoked"]


def test_the_buyer_keeps_the_keys_where_staff_say_so(
    shop: Shop, staff: User, card_order: UUID
) -> None:
    refund_order(
        shop,
        card_order,
        draft(whole(shop, card_order), licenses=LicenseRule.KEEP),
        actor_id=staff.id,
    )

    assert order_of(shop, card_order).state == "refunded"
    assert [licenses_of(shop, line) for line in lines_of(shop, card_order)] == [
        ["active"],
        ["active"] * 3,
    ]


@pytest.mark.parametrize(
    ("amounts", "code"),
    [
        ((baht(301), baht(0)), "refund_too_large"),
        ((baht(0), baht(0)), "refund_empty"),
        ((Money(-1), baht(5)), "refund_empty"),
    ],
)
def test_what_cannot_be_given_back_is_refused(
    shop: Shop, staff: User, card_order: UUID, amounts: tuple[Money, Money], code: str
) -> None:
    big, small = lines_of(shop, card_order)
    with pytest.raises(DomainError) as refused:
        refund_order(
            shop,
            card_order,
            draft({big.id: amounts[0], small.id: amounts[1]}),
            actor_id=staff.id,
        )
    assert refused.value.code == code
    assert refunds_of(shop, card_order) == []


def test_lines_of_other_orders_unknown_orders_and_empty_reasons_are_refused(
    shop: Shop, staff: User, card_order: UUID
) -> None:
    line = lines_of(shop, card_order)[0]
    for order_id, wanted, code in (
        (card_order, draft({new_id(): baht(1)}), "refund_line"),
        (card_order, draft({line.id: baht(1)}, reason=" \n"), "reason_missing"),
        (card_order, draft({line.id: baht(1)}, reason="x" * 301), "reason_missing"),
    ):
        with pytest.raises(DomainError) as refused:
            refund_order(shop, order_id, wanted, actor_id=staff.id)
        assert refused.value.code == code
    with pytest.raises(NotFound):
        refund_order(shop, new_id(), draft({line.id: baht(1)}), actor_id=staff.id)


def test_an_order_that_is_not_paid_cannot_be_refunded(shop: Shop, buyer: User, staff: User) -> None:
    order_id = place(shop, buyer, TOTAL)
    with pytest.raises(Conflict) as refused:
        refund_order(shop, order_id, draft(whole(shop, order_id)), actor_id=staff.id)
    assert refused.value.code == "order_not_paid"


def test_one_form_sent_twice_is_one_refund(shop: Shop, staff: User, card_order: UUID) -> None:
    wanted = draft(whole(shop, card_order), key="the-same-form-twice")
    refund_order(shop, card_order, wanted, actor_id=staff.id)
    refund_order(shop, card_order, wanted, actor_id=staff.id)

    assert len(refunds_of(shop, card_order)) == 1


def test_a_code_is_given_back_once_all_the_money_is(
    shop: Shop, sandbox: RunningSandbox, make: Factory, staff: User
) -> None:
    buyer = make.user()
    promo = make.promo(kind="fixed", value=2_000)
    make.cart(buyer, (make.product(price=baht(300)), 1), promo_code=promo.code)
    order_id = buy(shop, sandbox, buyer, baht(280), method=PaymentMethod.PROMPTPAY)
    line = lines_of(shop, order_id)[0]
    assert line.paid == baht(280)

    refund_order(shop, order_id, draft({line.id: baht(200)}), actor_id=staff.id)
    refund_order(shop, order_id, draft({line.id: baht(80)}, Destination.WALLET), actor_id=staff.id)
    assert order_of(shop, order_id).state == "refunded"
    with shop.database.reading() as session:
        assert session.scalars(select(PromoUse.state)).one() == "taken"
    act(sandbox, refunds_of(shop, order_id)[0].gateway_refund_id, "succeed")
    refresh_refunds(shop, latest_payment(shop, order_id).id)
    with shop.database.reading() as session:
        assert session.scalars(select(PromoUse.state)).one() == "returned"


def test_the_audit_knows_who_gave_how_much_back_and_why(
    shop: Shop, staff: User, card_order: UUID
) -> None:
    refund_order(shop, card_order, draft(whole(shop, card_order)), actor_id=staff.id)

    with shop.database.reading() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "refund_order")).one()
        order = session.get_one(Order, card_order)
    assert (entry.actor_id, entry.subject_id) == (staff.id, str(order.id))
    assert entry.detail == {
        "reason": "asked for it",
        "licenses": "revoke",
        "gateway_satang": 42_000,
    }
