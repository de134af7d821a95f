"""What staff may do to promo codes, and what stays as it was."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

from storefront.bootstrap import Shop
from storefront.checkout import flow
from storefront.errors import Conflict, NotFound
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
from storefront.orders.models import Order, PaymentMethod
from storefront.promos import editing
from storefront.promos.drafting import (
    MOST_CHOSEN,
    DraftRefused,
    Fault,
)
from storefront.promos.models import PromoKind, PromoScope, PromoUse
from storefront.promos.queries import get_promo
from tests.storefront.promos.desk import (
    DAY,
    audit_of,
    change,
    codes_of,
    create,
    faults,
    promo_of,
    use,
)
from tests.support.factories import Factory

pytestmark = pytest.mark.usefixtures("sandbox_at_peace")


@pytest.fixture
def actor(make: Factory) -> UUID:
    """An admin."""
    return make.user(role="admin").id


def test_a_code_is_found_the_way_shoppers_type_it(shop: Shop, actor: UUID) -> None:
    create(shop, actor, code="summer  sale—26 ")
    assert codes_of(shop) == ["SUMMER-SALE-26"]
    with shop.database.reading() as session:
        assert get_promo(session, "Summer Sale 26").value == 1_000


@pytest.mark.parametrize(
    ("terms", "fault", "field"),
    [
        ({"code": "AB"}, Fault.CODE_FORM, "code"),
        ({"code": "-ABC"}, Fault.CODE_FORM, "code"),
        ({"code": "ลดแรง"}, Fault.CODE_FORM, "code"),
        ({"code": "A" * 41}, Fault.CODE_FORM, "code"),
        ({"code": "50%OFF"}, Fault.CODE_FORM, "code"),
        ({"note": "x" * 201}, Fault.NOTE_LONG, "note"),
        ({"value": 0}, Fault.PERCENT_RANGE, "value"),
        ({"value": -100}, Fault.PERCENT_RANGE, "value"),
        ({"value": 10_001}, Fault.PERCENT_RANGE, "value"),
        ({"kind": PromoKind.FIXED, "value": 0}, Fault.AMOUNT_RANGE, "value"),
        ({"kind": PromoKind.FIXED, "value": 10**12}, Fault.AMOUNT_RANGE, "value"),
        ({"min_subtotal": Money(-1)}, Fault.MINIMUM_RANGE, "minimum"),
        ({"max_discount": Money(0)}, Fault.MAXIMUM_RANGE, "maximum"),
        (
            {"kind": PromoKind.FIXED, "max_discount": baht(5)},
            Fault.MAXIMUM_OF_FIXED,
            "maximum",
        ),
        ({"total_limit": 0}, Fault.TOTAL_RANGE, "total_limit"),
        ({"total_limit": -5}, Fault.TOTAL_RANGE, "total_limit"),
        ({"per_customer_limit": 0}, Fault.CUSTOMER_RANGE, "per_customer_limit"),
        ({"covers_all": False}, Fault.NOTHING_CHOSEN, "chosen"),
        ({"covers_all": False, "product_ids": (new_id(),)}, Fault.CHOICE_UNKNOWN, "chosen"),
        ({"covers_all": False, "category_ids": (new_id(),)}, Fault.CHOICE_UNKNOWN, "chosen"),
        (
            {"product_ids": tuple(new_id() for _ in range(MOST_CHOSEN + 1))},
            Fault.TOO_MUCH_CHOSEN,
            "chosen",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_at_its_field(
    shop: Shop, actor: UUID, terms: dict[str, Any], fault: Fault, field: str
) -> None:
    with pytest.raises(DraftRefused) as refused:
        create(shop, actor, **terms)
    assert faults(refused) == [(fault, field)]
    assert codes_of(shop) == []
    assert audit_of(shop) == []


def test_an_end_comes_after_the_start_and_after_now(shop: Shop, actor: UUID) -> None:
    now = shop.clock()
    with pytest.raises(DraftRefused) as refused:
        create(shop, actor, starts_at=now + DAY, ends_at=now + DAY)
    assert faults(refused) == [(Fault.END_BEFORE_START, "ends_at")]
    with pytest.raises(DraftRefused) as refused:
        create(shop, actor, ends_at=now - DAY)
    assert faults(refused) == [(Fault.END_PAST, "ends_at")]


def test_a_code_that_is_over_can_still_be_noted_on_but_not_moved_in_the_past(
    shop: Shop, actor: UUID, make: Factory
) -> None:
    ended = shop.clock() - DAY
    promo = make.promo(ends_at=ended)
    change(shop, actor, promo.id, note="It went well", ends_at=ended)
    assert promo_of(shop, promo.id).note == "It went well"
    with pytest.raises(DraftRefused) as refused:
        change(shop, actor, promo.id, revision=2, ends_at=ended - DAY)
    assert faults(refused) == [(Fault.END_PAST, "ends_at")]


def test_a_code_exists_once(shop: Shop, actor: UUID) -> None:
    create(shop, actor)
    other = create(shop, actor, code="OTHER")
    for attempt in (
        lambda: create(shop, actor, code="tenth"),
        lambda: change(shop, actor, other, code="Tenth"),
    ):
        with pytest.raises(DraftRefused) as refused:
            attempt()
        assert faults(refused) == [(Fault.CODE_TAKEN, "code")]
    assert codes_of(shop) == ["OTHER", "TENTH"]


def test_every_problem_is_named_at_once(shop: Shop, actor: UUID) -> None:
    with pytest.raises(DraftRefused) as refused:
        create(shop, actor, code="?", value=0, total_limit=0, covers_all=False)
    assert [one.field for one in refused.value.problems] == [
        "code",
        "value",
        "total_limit",
        "chosen",
    ]


def test_a_change_holds_from_now_on_and_orders_keep_their_discount(
    shop: Shop, actor: UUID, make: Factory
) -> None:
    promo_id = create(shop, actor)
    order_id = use(shop, make, "TENTH")
    open_order = use(shop, make, "TENTH", PaymentMethod.STRIPE)

    change(shop, actor, promo_id, kind=PromoKind.FIXED, value=baht(200).satang)

    with shop.database.reading() as session:
        kept = session.scalars(select(Order.discount_satang).order_by(Order.id)).all()
        uses = session.scalars(select(PromoUse.discount_satang)).all()
    assert kept == [4_900, 4_900]
    assert uses == [4_900, 4_900]
    later = use(shop, make, "TENTH")
    with shop.database.reading() as session:
        assert session.get_one(Order, later).discount == baht(200)
        assert session.get_one(Order, order_id).id != open_order


def test_a_change_never_touches_the_uses_that_are_counted(
    shop: Shop, actor: UUID, make: Factory
) -> None:
    promo_id = create(shop, actor, total_limit=5)
    use(shop, make, "TENTH")
    use(shop, make, "TENTH", PaymentMethod.STRIPE)
    change(shop, actor, promo_id, total_limit=2)
    assert promo_of(shop, promo_id).used == 2
    with pytest.raises(DraftRefused) as refused:
        change(shop, actor, promo_id, revision=2, total_limit=1)
    assert faults(refused) == [(Fault.TOTAL_BELOW_USED, "total_limit")]
    assert refused.value.problems[0].limit == 2


def test_the_letters_of_a_used_code_stay_and_those_of_a_fresh_one_may_change(
    shop: Shop, actor: UUID, make: Factory
) -> None:
    promo_id = create(shop, actor)
    change(shop, actor, promo_id, code="NINTH")
    use(shop, make, "NINTH")
    with pytest.raises(DraftRefused) as refused:
        change(shop, actor, promo_id, revision=2, code="EIGHTH")
    assert faults(refused) == [(Fault.CODE_FIXED, "code")]
    change(shop, actor, promo_id, revision=2, code="ninth", note="same letters")
    assert codes_of(shop) == ["NINTH"]


def test_the_second_of_two_editors_is_told(shop: Shop, actor: UUID) -> None:
    promo_id = create(shop, actor)
    change(shop, actor, promo_id, value=2_000)
    with pytest.raises(Conflict) as told:
        change(shop, actor, promo_id, value=3_000)
    assert told.value.code == "edited_elsewhere"
    assert (promo_of(shop, promo_id).value, promo_of(shop, promo_id).revision) == (2_000, 2)


def test_what_a_code_covers_is_replaced_as_a_whole(shop: Shop, actor: UUID, make: Factory) -> None:
    first, second = make.product(), make.product()
    promo_id = create(shop, actor, covers_all=False, product_ids=(first.id, first.id))
    change(shop, actor, promo_id, covers_all=False, product_ids=(second.id,))
    with shop.database.reading() as session:
        assert session.scalars(select(PromoScope.product_id)).all() == [second.id]
        assert get_promo(session, "TENTH").product_ids == frozenset({second.id})
    change(shop, actor, promo_id, revision=2)
    with shop.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(PromoScope)) == 0
        assert get_promo(session, "TENTH").product_ids is None


def test_switching_is_safe_to_repeat_and_stops_new_uses_only(
    shop: Shop, actor: UUID, make: Factory
) -> None:
    promo_id = create(shop, actor)
    order_id = use(shop, make, "TENTH", PaymentMethod.STRIPE)
    for _again in range(2):
        with shop.database.transaction() as session:
            editing.switch_promo(session, promo_id, active=False, actor_id=actor)
    assert (promo_of(shop, promo_id).active, promo_of(shop, promo_id).revision) == (False, 2)
    assert [one.action for one in audit_of(shop)] == ["create_promo", "switch_promo"]
    with shop.database.reading() as session:
        assert session.get_one(Order, order_id).discount == baht(49)


def test_a_code_nobody_used_is_deleted_and_a_used_one_is_not(
    shop: Shop, actor: UUID, make: Factory
) -> None:
    product = make.product()
    fresh = create(shop, actor, covers_all=False, product_ids=(product.id,))
    used = create(shop, actor, code="USED")
    order_id = use(shop, make, "USED", PaymentMethod.STRIPE)
    # Given back nothing counts any more, but the order still names it.
    with shop.database.reading() as session:
        buyer = session.get_one(Order, order_id).user_id
    flow.cancel_order(shop, order_id, user_id=buyer)
    assert promo_of(shop, used).used == 0
    with shop.database.transaction() as session:
        editing.delete_promo(session, fresh, actor_id=actor)
    with pytest.raises(Conflict) as refused, shop.database.transaction() as session:
        editing.delete_promo(session, used, actor_id=actor)
    assert refused.value.code == "promo_was_used"
    with pytest.raises(NotFound), shop.database.transaction() as session:
        editing.delete_promo(session, fresh, actor_id=actor)
    assert codes_of(shop) == ["USED"]


def test_every_change_says_who_did_it_and_what_was_before(shop: Shop, actor: UUID) -> None:
    promo_id = create(shop, actor, max_discount=baht(200))
    change(shop, actor, promo_id, value=1_250)
    with shop.database.transaction() as session:
        editing.delete_promo(session, promo_id, actor_id=actor)
    entries = audit_of(shop)
    assert [(one.action, one.actor_id, one.subject_id) for one in entries] == [
        (action, actor, str(promo_id))
        for action in ("create_promo", "change_promo", "delete_promo")
    ]
    assert entries[1].detail["changes"] == {
        "percent": ["10", "12.5"],
        "max_discount_satang": [20_000, None],
    }
