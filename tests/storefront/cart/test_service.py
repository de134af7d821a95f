"""Changing carts, on the real database."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, update

from storefront.cart import service
from storefront.cart.models import MAX_LINES, Cart
from storefront.cart.queries import CartView, count_units, find_cart
from storefront.cart.rules import CartOwner, Notice
from storefront.catalog.models import Product, Variant
from storefront.db import Database
from storefront.errors import DomainError
from storefront.kit.money import baht
from tests.support.factories import Factory

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
GUEST = CartOwner.guest("guest-token")


def test_adding_the_same_variant_again_sums_up_to_ten(database: Database, make: Factory) -> None:
    variant_id = _variant_id(make.product())
    assert _add(database, GUEST, variant_id, 4) == 4
    assert _add(database, GUEST, variant_id, 4) == 8
    assert _add(database, GUEST, variant_id, 4) == 10
    assert _count(database, GUEST) == 10


def test_a_member_and_a_guest_have_carts_of_their_own(database: Database, make: Factory) -> None:
    member = CartOwner.member(make.user().id)
    variant_id = _variant_id(make.product())
    _add(database, GUEST, variant_id, 1)
    _add(database, member, variant_id, 2)
    assert (_count(database, GUEST), _count(database, member)) == (1, 2)


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"status": "draft"}, "product_not_found"),
        ({"status": "coming_soon"}, "not_for_sale"),
        ({"status": "archived"}, "not_for_sale"),
        ({"stock": 0}, "sold_out"),
    ],
)
def test_what_cannot_be_bought_does_not_get_in(
    database: Database, make: Factory, values: dict[str, object], code: str
) -> None:
    product = make.product(**values)  # type: ignore[arg-type]
    with pytest.raises(DomainError) as refused:
        _add(database, GUEST, _variant_id(product), 1)
    assert refused.value.code == code
    assert _carts(database) == 0


def test_an_unknown_variant_is_not_found(database: Database) -> None:
    with pytest.raises(DomainError) as refused:
        _add(database, GUEST, uuid4(), 1)
    assert refused.value.code == "product_not_found"


def test_the_fifty_first_item_does_not_fit_but_more_of_the_fiftieth_does(
    database: Database, make: Factory
) -> None:
    product = make.product()
    tiers = [_tier(product, n) for n in range(MAX_LINES)]
    with database.transaction() as session:
        session.add_all(tiers)
    for tier in tiers:
        _add(database, GUEST, tier.id, 1)
    with pytest.raises(DomainError) as refused:
        _add(database, GUEST, _variant_id(product), 1)
    assert refused.value.code == "cart_full"
    assert _add(database, GUEST, tiers[0].id, 1) == 2


def test_a_cart_shows_the_price_of_now_and_the_one_that_was_seen(
    database: Database, make: Factory
) -> None:
    variant_id = _variant_id(make.product(price=baht(100)))
    _add(database, GUEST, variant_id, 2)
    _set_price(database, variant_id, 120)
    line = _cart(database, GUEST).lines[0]
    assert (line.unit_price, line.seen_price, line.total) == (baht(120), baht(100), baht(240))
    assert line.notice is Notice.PRICE_CHANGED
    assert _cart(database, GUEST).is_ready


def test_the_notice_stays_until_the_shopper_acts_on_the_new_price(
    database: Database, make: Factory
) -> None:
    variant_id = _variant_id(make.product(price=baht(100)))
    _add(database, GUEST, variant_id, 2)
    _set_price(database, variant_id, 120)
    _set_quantity(database, GUEST, variant_id, 3, seen=100)
    assert _cart(database, GUEST).lines[0].notice is Notice.PRICE_CHANGED
    _set_quantity(database, GUEST, variant_id, 3, seen=120)
    assert _cart(database, GUEST).lines[0].notice is None


def test_lines_that_cannot_be_bought_are_named_and_not_counted(
    database: Database, make: Factory
) -> None:
    good, gone, scarce, empty = (make.product(price=baht(100), stock=5) for _ in range(4))
    for product in (good, gone, scarce, empty):
        _add(database, GUEST, _variant_id(product), 2)
    with database.transaction() as session:
        session.execute(update(Product).where(Product.id == gone.id).values(status="archived"))
        for product, sold in ((scarce, 4), (empty, 5)):
            session.execute(
                update(Variant).where(Variant.product_id == product.id).values(sold=sold)
            )
    cart = _cart(database, GUEST)
    assert [line.notice for line in cart.lines] == [
        None,
        Notice.NOT_FOR_SALE,
        Notice.NOT_ENOUGH,
        Notice.SOLD_OUT,
    ]
    assert cart.subtotal == baht(200)
    assert cart.count == 8
    assert not cart.is_ready


def test_a_line_that_is_not_there_cannot_be_changed(database: Database, make: Factory) -> None:
    variant_id = _variant_id(make.product())
    with pytest.raises(DomainError) as refused:
        _set_quantity(database, GUEST, variant_id, 2)
    assert refused.value.code == "cart_line_not_found"


def test_removing_twice_is_harmless(database: Database, make: Factory) -> None:
    variant_id = _variant_id(make.product())
    _add(database, GUEST, variant_id, 3)
    assert _remove(database, GUEST, variant_id) == 3
    assert _remove(database, GUEST, variant_id) is None
    with database.reading() as session:
        assert find_cart(session, GUEST, now=NOW) is None


def test_nobody_changes_the_cart_of_somebody_else(database: Database, make: Factory) -> None:
    variant_id = _variant_id(make.product())
    _add(database, GUEST, variant_id, 3)
    stranger = CartOwner.guest("another-token")
    assert _remove(database, stranger, variant_id) is None
    with pytest.raises(DomainError):
        _set_quantity(database, stranger, variant_id, 1)
    assert _count(database, GUEST) == 3


def test_signing_in_pours_the_guest_cart_into_the_members_without_duplicates(
    database: Database, make: Factory
) -> None:
    user = make.user()
    member = CartOwner.member(user.id)
    both, only_guest, only_member = (_variant_id(make.product()) for _ in range(3))
    for owner, variant_id, quantity in (
        (member, both, 2),
        (member, only_member, 1),
        (GUEST, both, 5),
        (GUEST, only_guest, 3),
    ):
        _add(database, owner, variant_id, quantity)
    _merge(database, user.id)
    held = {line.variant_id: line.quantity for line in _cart(database, member).lines}
    assert held == {both: 5, only_guest: 3, only_member: 1}
    assert _carts(database) == 1


def test_merging_again_changes_nothing(database: Database, make: Factory) -> None:
    user = make.user()
    variant_id = _variant_id(make.product())
    _add(database, GUEST, variant_id, 2)
    _merge(database, user.id)
    _merge(database, user.id)
    assert _count(database, CartOwner.member(user.id)) == 2


def test_signing_in_without_a_guest_cart_makes_no_cart(database: Database, make: Factory) -> None:
    user = make.user()
    _merge(database, user.id)
    with database.transaction() as session:
        service.merge_guest_cart(session, user_id=user.id, token=None, now=NOW)
    assert _carts(database) == 0


def test_guest_carts_are_forgotten_after_thirty_days_and_members_never(
    database: Database, make: Factory
) -> None:
    variant_id = _variant_id(make.product())
    member = CartOwner.member(make.user().id)
    _add(database, member, variant_id, 1)
    _add(database, GUEST, variant_id, 1)
    with database.transaction() as session:
        assert service.delete_stale_guest_carts(session, now=NOW + timedelta(days=29)) == 0
        assert service.delete_stale_guest_carts(session, now=NOW + timedelta(days=31)) == 1
    assert (_count(database, GUEST), _count(database, member)) == (0, 1)


def _variant_id(product: Product) -> UUID:
    return product.variants[0].id


def _tier(product: Product, n: int) -> Variant:
    return Variant(
        product_id=product.id,
        code=f"tier-{n}",
        name_th=f"ระดับ {n}",
        name_en=f"Tier {n}",
        price_satang=1000,
    )


def _add(database: Database, owner: CartOwner, variant_id: UUID, quantity: int) -> int:
    with database.transaction() as session:
        return service.add_line(session, owner, variant_id, quantity=quantity, now=NOW).quantity


def _set_quantity(
    database: Database,
    owner: CartOwner,
    variant_id: UUID,
    quantity: int,
    *,
    seen: int | None = None,
) -> None:
    with database.transaction() as session:
        service.set_quantity(
            session,
            owner,
            variant_id,
            quantity=quantity,
            seen_price=None if seen is None else baht(seen),
            now=NOW,
        )


def _remove(database: Database, owner: CartOwner, variant_id: UUID) -> int | None:
    with database.transaction() as session:
        return service.remove_line(session, owner, variant_id, now=NOW)


def _merge(database: Database, user_id: UUID) -> None:
    with database.transaction() as session:
        service.merge_guest_cart(session, user_id=user_id, token="guest-token", now=NOW)


def _set_price(database: Database, variant_id: UUID, price: int) -> None:
    with database.transaction() as session:
        session.execute(
            update(Variant).where(Variant.id == variant_id).values(price_satang=price * 100)
        )


def _cart(database: Database, owner: CartOwner) -> CartView:
    with database.reading() as session:
        cart = find_cart(session, owner, now=NOW)
    assert cart is not None
    return cart


def _count(database: Database, owner: CartOwner) -> int:
    with database.reading() as session:
        return count_units(session, owner)


def _carts(database: Database) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(Cart)) or 0
