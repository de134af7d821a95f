"""What staff may do to promo codes, and what stays as it was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

from storefront.accounts.models import AuditEntry
from storefront.bootstrap import Shop
from storefront.checkout import flow
from storefront.checkout.quotes import get_quote
from storefront.errors import Conflict, NotFound
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
from storefront.orders.models import Order, PaymentMethod
from storefront.promos import editing
from storefront.promos.drafting import (
    MOST_CHOSEN,
    READABLE,
    DraftRefused,
    Fault,
    PromoDraft,
    draw_code,
)
from storefront.promos.models import PromoCode, PromoKind, PromoScope, PromoUse
from storefront.promos.queries import get_promo
from storefront.promos.rules import normalize_code
from tests.storefront.orders.purchases import counted_queries
from tests.support.factories import Factory

pytestmark = pytest.mark.usefixtures("sandbox_at_peace")

DAY = timedelta(days=1)
TENTH = PromoDraft(code="TENTH", kind=PromoKind.PERCENT, value=1_000)


@pytest.fixture
def actor(make: Factory) -> UUID:
    """An admin."""
    return make.user(role="admin").id


def create(shop: Shop, actor: UUID, **terms: Any) -> UUID:
    with shop.database.transaction() as session:
        return editing.create_promo(
            session, replace(TENTH, **terms), actor_id=actor, now=shop.clock()
        )


def change(shop: Shop, actor: UUID, promo_id: UUID, *, revision: int = 1, **terms: Any) -> None:
    with shop.database.transaction() as session:
        editing.change_promo(
            session,
            promo_id,
            replace(TENTH, **terms),
            revision=revision,
            actor_id=actor,
            now=shop.clock(),
        )


def generate(shop: Shop, actor: UUID, count: int, **values: Any) -> None:
    terms = {"batch": "Flyers", "prefix": "FLY", **values}
    template = terms.pop("template", TENTH)
    with shop.database.transaction() as session:
        editing.generate_batch(
            session, template, count=count, actor_id=actor, now=shop.clock(), **terms
        )


def promo_of(shop: Shop, promo_id: UUID) -> PromoCode:
    with shop.database.reading() as session:
        return session.get_one(PromoCode, promo_id)


def codes_of(shop: Shop) -> list[str]:
    with shop.database.reading() as session:
        return list(session.scalars(select(PromoCode.code).order_by(PromoCode.code)))


def audit_of(shop: Shop) -> list[AuditEntry]:
    with shop.database.reading() as session:
        return list(session.scalars(select(AuditEntry).order_by(AuditEntry.id)))


def use(
    shop: Shop, make: Factory, code: str, method: PaymentMethod = PaymentMethod.BALANCE
) -> UUID:
    """An order of ฿490 with the code, from the wallet or waiting for its payment."""
    user = make.user()
    make.cart(user, (make.product(price=baht(490)), 1), promo_code=code)
    make.wallet(user, baht(490))
    with shop.database.reading() as session:
        total = get_quote(session, user.id, now=shop.clock()).total
    return flow.place_order(
        shop,
        user_id=user.id,
        method=method,
        expected_total=total,
        idempotency_key=str(new_id()),
        locale="en",
    ).order_id


def faults(refused: pytest.ExceptionInfo[DraftRefused]) -> list[tuple[Fault, str]]:
    return [(one.fault, one.field) for one in refused.value.problems]


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


def test_five_thousand_codes_are_made_in_one_statement(shop: Shop, actor: UUID) -> None:
    with counted_queries(shop.database.engine) as seen:
        generate(shop, actor, 5_000)
    written = [one for one in seen if one.startswith("INSERT INTO promo_codes")]
    assert len(written) == 1
    assert len(seen) < 12
    codes = codes_of(shop)
    assert len(codes) == len(set(codes)) == 5_000
    assert all(normalize_code(code) == code for code in codes)
    symbols = set("".join(code.removeprefix("FLY-") for code in codes)) - {"-"}
    assert symbols == set(READABLE)
    assert not symbols & set("01258OILZSBU")
    with shop.database.reading() as session:
        limits = select(PromoCode.total_limit, PromoCode.batch).distinct()
        assert session.execute(limits).all() == [(1, "Flyers")]
    entries = audit_of(shop)
    assert [(one.action, one.detail["codes"]) for one in entries] == [
        ("generate_promo_batch", 5_000)
    ]


def test_codes_of_a_batch_cover_what_the_template_covers(
    shop: Shop, actor: UUID, make: Factory
) -> None:
    one, two = make.product(), make.product()
    template = replace(TENTH, covers_all=False, product_ids=(one.id, two.id))
    generate(shop, actor, 3, template=template)
    with shop.database.reading() as session:
        assert all(
            get_promo(session, code).product_ids == frozenset({one.id, two.id})
            for code in codes_of(shop)
        )


def test_a_code_that_exists_already_is_drawn_again(shop: Shop, actor: UUID, make: Factory) -> None:
    make.promo("FLY-A", note="somebody's own")
    drawn: Iterator[str] = iter(["FLY-A", "FLY-B", "FLY-B", "FLY-A", "FLY-C", "FLY-D"])
    generate(shop, actor, 3, draw=lambda _prefix: next(drawn))
    assert codes_of(shop) == ["FLY-A", "FLY-B", "FLY-C", "FLY-D"]
    with shop.database.reading() as session:
        own = session.scalars(select(PromoCode).where(PromoCode.code == "FLY-A")).one()
    assert (own.note, own.batch) == ("somebody's own", None)


def test_a_prefix_without_room_makes_no_code_at_all(shop: Shop, actor: UUID) -> None:
    with pytest.raises(Conflict) as refused:
        generate(shop, actor, 2, draw=lambda _prefix: "FLY-A")
    assert refused.value.code == "promo_codes_collide"
    assert codes_of(shop) == []


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"count": 0}, Fault.COUNT_RANGE),
        ({"count": 5_001}, Fault.COUNT_RANGE),
        ({"batch": " "}, Fault.BATCH_NAME),
        ({"batch": "x" * 41}, Fault.BATCH_NAME),
        ({"prefix": "ลด"}, Fault.PREFIX_FORM),
        ({"prefix": "A--B"}, Fault.PREFIX_FORM),
        ({"prefix": "A" * 21}, Fault.PREFIX_FORM),
        ({"template": replace(TENTH, value=0)}, Fault.PERCENT_RANGE),
    ],
)
def test_a_batch_that_makes_no_sense_is_refused(
    shop: Shop, actor: UUID, values: dict[str, Any], fault: Fault
) -> None:
    with pytest.raises(DraftRefused) as refused:
        generate(shop, actor, values.pop("count", 5), **values)
    assert [one.fault for one in refused.value.problems] == [fault]
    assert codes_of(shop) == []


def test_a_batch_sent_twice_is_made_once(shop: Shop, actor: UUID) -> None:
    generate(shop, actor, 5)
    with pytest.raises(DraftRefused) as refused:
        generate(shop, actor, 5, batch=" Flyers ")
    assert [one.fault for one in refused.value.problems] == [Fault.BATCH_TAKEN]
    assert len(codes_of(shop)) == 5


def test_a_batch_is_switched_and_deleted_as_a_whole(shop: Shop, actor: UUID, make: Factory) -> None:
    make.promo("OWN")
    generate(shop, actor, 4)
    with shop.database.transaction() as session:
        assert editing.switch_batch(session, "Flyers", active=False, actor_id=actor) == 4
        assert editing.switch_batch(session, "Flyers", active=False, actor_id=actor) == 0
    with shop.database.transaction() as session:
        assert editing.switch_batch(session, "Flyers", active=True, actor_id=actor) == 4
    code = next(code for code in codes_of(shop) if code != "OWN")
    use(shop, make, code)
    with pytest.raises(Conflict), shop.database.transaction() as session:
        editing.delete_batch(session, "Flyers", actor_id=actor)
    assert len(codes_of(shop)) == 5
    generate(shop, actor, 2, batch="Second")
    with shop.database.transaction() as session:
        assert editing.delete_batch(session, "Second", actor_id=actor) == 2
    with pytest.raises(NotFound), shop.database.transaction() as session:
        editing.delete_batch(session, "Second", actor_id=actor)
    assert len(codes_of(shop)) == 5


def test_drawn_codes_read_the_same_after_typing_them() -> None:
    drawn = {draw_code("SUMMER-26") for _ in range(200)}
    assert len(drawn) == 200
    assert all(normalize_code(code.lower()) == code for code in drawn)
