"""Staff and buyers at one promo code at the same time."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from uuid import UUID

from sqlalchemy import func, select

from storefront.bootstrap import Shop
from storefront.checkout import flow
from storefront.kit.ids import new_id
from storefront.kit.money import baht
from storefront.orders.models import PaymentMethod
from storefront.promos import editing
from storefront.promos.drafting import PromoDraft
from storefront.promos.models import PromoCode, PromoKind, PromoUse
from tests.concurrency.racing import codes_of, race, successes_in
from tests.support.factories import Factory

TENTH = PromoDraft(code="TENTH", kind=PromoKind.PERCENT, value=1_000)


def create(shop: Shop, actor: UUID) -> None:
    with shop.database.transaction() as session:
        editing.create_promo(session, TENTH, actor_id=actor, now=shop.clock())


def change(shop: Shop, actor: UUID, promo_id: UUID, draft: PromoDraft) -> None:
    with shop.database.transaction() as session:
        editing.change_promo(session, promo_id, draft, revision=1, actor_id=actor, now=shop.clock())


def remove(shop: Shop, actor: UUID, promo_id: UUID) -> None:
    with shop.database.transaction() as session:
        editing.delete_promo(session, promo_id, actor_id=actor)


def generate(shop: Shop, actor: UUID) -> None:
    with shop.database.transaction() as session:
        editing.generate_batch(
            session,
            TENTH,
            batch="Flyers",
            prefix="",
            count=50,
            actor_id=actor,
            now=shop.clock(),
        )


def buy(shop: Shop, user_id: UUID) -> None:
    flow.place_order(
        shop,
        user_id=user_id,
        method=PaymentMethod.BALANCE,
        expected_total=baht(90),
        idempotency_key=str(new_id()),
        locale="en",
    )


def buyers(make: Factory, count: int) -> list[UUID]:
    """People with a cart of their own product, so that nothing but the code is fought for."""
    found = []
    for _ in range(count):
        user = make.user()
        make.cart(user, (make.product(price=baht(100)), 1), promo_code="TENTH")
        make.wallet(user, baht(100))
        found.append(user.id)
    return found


def test_a_code_written_twelve_times_at_once_exists_once(shop: Shop, make: Factory) -> None:
    actor = make.user(role="admin").id
    outcomes = race([partial(create, shop, actor)] * 12)
    assert len(successes_in(outcomes)) == 1
    assert set(codes_of(outcomes)) == {"promo_refused"}


def test_of_twelve_editors_of_one_code_one_saves(shop: Shop, make: Factory) -> None:
    actor, promo = make.user(role="admin").id, make.promo()
    drafts = [replace(TENTH, value=100 * n) for n in range(1, 13)]
    outcomes = race([partial(change, shop, actor, promo.id, draft) for draft in drafts])
    assert len(successes_in(outcomes)) == 1
    assert set(codes_of(outcomes)) == {"edited_elsewhere"}
    with shop.database.reading() as session:
        assert session.get_one(PromoCode, promo.id).revision == 2


def test_a_batch_sent_six_times_at_once_is_made_once(shop: Shop, make: Factory) -> None:
    actor = make.user(role="admin").id
    outcomes = race([partial(generate, shop, actor)] * 6)
    assert len(successes_in(outcomes)) == 1
    assert set(codes_of(outcomes)) == {"promo_refused"}
    with shop.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(PromoCode)) == 50


def test_a_limit_lowered_among_buyers_is_never_passed(shop: Shop, make: Factory) -> None:
    actor, promo = make.user(role="admin").id, make.promo(total_limit=20)
    lower = partial(change, shop, actor, promo.id, replace(TENTH, total_limit=5))
    outcomes = race([lower, *(partial(buy, shop, one) for one in buyers(make, 12))])
    assert set(codes_of(outcomes)) <= {"promo_refused", "promo_used_up", "total_changed"}
    with shop.database.reading() as session:
        code = session.get_one(PromoCode, promo.id)
        uses = session.scalar(select(func.count()).select_from(PromoUse))
    assert code.total_limit is not None
    assert uses == code.used <= code.total_limit
    # Either the editor came in time, and then the lower limit holds, or nothing was lowered.
    assert code.total_limit == (20 if "promo_refused" in codes_of(outcomes) else 5)


def test_a_code_deleted_among_buyers_leaves_no_use_behind(shop: Shop, make: Factory) -> None:
    actor, promo = make.user(role="admin").id, make.promo()
    people = buyers(make, 8)
    outcomes = race(
        [partial(remove, shop, actor, promo.id), *(partial(buy, shop, one) for one in people)]
    )
    refused = set(codes_of(outcomes))
    assert refused <= {"promo_was_used", "promo_inactive", "promo_unknown", "total_changed"}
    with shop.database.reading() as session:
        is_there = session.get(PromoCode, promo.id) is not None
        uses = session.scalar(select(func.count()).select_from(PromoUse))
    assert is_there == bool(uses)
    assert is_there == ("promo_was_used" in refused)
