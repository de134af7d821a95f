"""Tiers and bundles as staff write them, copies, and what cannot be deleted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from storefront.accounts.models import User
from storefront.catalog.editing import (
    DraftRefused,
    Fault,
    ProductDraft,
    TierDraft,
    delete_draft,
    duplicate_product,
    set_status,
)
from storefront.catalog.models import UNLIMITED, Product, ProductStatus, Variant
from storefront.catalog.price_models import FlashSaleItem, PriceChange
from storefront.db import Database
from storefront.errors import Conflict
from storefront.kit.money import baht
from tests.storefront.catalog.product_drafts import NOW, audit_of, faults, stands
from tests.support.factories import Factory


def test_stock_cannot_go_below_what_is_sold_and_held(
    database: Database, make: Factory, save: Callable[..., None]
) -> None:
    product = make.product(stock=10)
    with database.transaction() as session:
        session.get_one(Variant, product.variants[0].id).sold = 3
    tier = stands(database, product.id).tiers[0]

    with pytest.raises(DraftRefused) as refusal:
        save(product.id, tiers=(replace(tier, stock=2),))
    save(product.id, tiers=(replace(tier, stock=3),))

    assert faults(refusal) == {("tiers.stock", Fault.STOCK_BELOW_SOLD)}
    assert refusal.value.problems[0].limit == 3
    assert stands(database, product.id).tiers[0].stock == 3


def test_a_struck_out_price_was_the_lowest_of_the_last_thirty_days(
    database: Database, make: Factory, save: Callable[..., None]
) -> None:
    product = make.product(price=baht(500))
    make.charged(product, baht(450), days_ago=10)
    tier = stands(database, product.id).tiers[0]

    with pytest.raises(DraftRefused) as refusal:
        save(product.id, tiers=(replace(tier, price=baht(300), original=baht(500)),))
    save(product.id, tiers=(replace(tier, price=baht(300), original=baht(450)),))

    assert faults(refusal) == {("tiers.original", Fault.STRUCK_TOO_HIGH)}
    assert refusal.value.problems[0].limit == 45_000
    assert stands(database, product.id).tiers[0].original == baht(450)


def test_a_struck_out_price_that_stands_does_not_stop_other_changes(
    database: Database, make: Factory, save: Callable[..., None]
) -> None:
    product = make.product(price=baht(300))
    make.reduced(product, original=baht(500))

    save(product.id, name_en="Renamed")

    assert stands(database, product.id).tiers[0].original == baht(500)


def test_a_new_price_moves_what_coming_flash_sales_may_strike_out(
    database: Database, make: Factory, save: Callable[..., None]
) -> None:
    product = make.product(price=baht(500))
    soon = datetime.now(UTC) + timedelta(days=1)
    item = make.flash_sale(
        product, price=baht(100), starts_at=soon, ends_at=soon + timedelta(hours=1)
    )
    tier = stands(database, product.id).tiers[0]

    save(product.id, tiers=(replace(tier, price=baht(400)),))

    with database.reading() as session:
        assert session.get_one(FlashSaleItem, item.id).reference_satang == 40_000


def test_a_tier_nobody_bought_goes_for_good(
    database: Database, draft: ProductDraft, keep: Callable[..., UUID], save: Callable[..., None]
) -> None:
    product_id = keep(draft)
    standard, pro = stands(database, product_id).tiers

    save(product_id, tiers=(standard,))

    assert [tier.code for tier in stands(database, product_id).tiers] == ["standard"]
    with database.reading() as session:
        assert (
            session.scalars(select(PriceChange).where(PriceChange.variant_id == pro.id)).all() == []
        )
        assert session.get_one(Product, product_id).tier_count == 1


def test_a_tier_in_somebodys_cart_stays_with_none_left(
    database: Database, make: Factory, save: Callable[..., None]
) -> None:
    product = make.product()
    make.cart(make.user(), (product, 1))
    new = TierDraft(None, "pro", "โปร", "Pro", baht(900))

    save(product.id, tiers=(new,))

    kept = stands(database, product.id).tiers
    assert [(tier.code, tier.stock) for tier in kept] == [("pro", UNLIMITED), ("standard", 0)]


def test_a_tier_with_units_in_open_payments_stays(
    database: Database, make: Factory, save: Callable[..., None]
) -> None:
    product = make.product(stock=5)
    with database.transaction() as session:
        session.get_one(Variant, product.variants[0].id).held = 1

    with pytest.raises(DraftRefused) as refusal:
        save(product.id, tiers=(TierDraft(None, "pro", "โปร", "Pro", baht(900)),))
    with database.transaction() as session:
        session.get_one(Variant, product.variants[0].id).held = 0

    assert faults(refusal) == {("tiers", Fault.TIER_HELD)}


def test_a_tier_in_a_flash_sale_stays(make: Factory, save: Callable[..., None]) -> None:
    product = make.product(price=baht(500))
    make.flash_sale(product, price=baht(100))

    with pytest.raises(DraftRefused) as refusal:
        save(product.id, tiers=(TierDraft(None, "pro", "โปร", "Pro", baht(900)),))

    assert faults(refusal) == {("tiers", Fault.TIER_ON_SALE)}


def test_codes_may_move_from_one_tier_to_another_only_in_two_steps(
    database: Database, draft: ProductDraft, keep: Callable[..., UUID], save: Callable[..., None]
) -> None:
    product_id = keep(draft)
    standard, pro = stands(database, product_id).tiers

    with pytest.raises(DraftRefused) as refusal:
        save(
            product_id,
            name_en="Half",
            tiers=(replace(standard, code="pro"), replace(pro, code="standard")),
        )

    assert faults(refusal) == {("tiers", Fault.CODE_TAKEN)}
    assert stands(database, product_id).name_en == "Night Market"


def test_a_bundle_holds_products_in_the_sellers_order(
    database: Database,
    make: Factory,
    draft: ProductDraft,
    keep: Callable[..., UUID],
    save: Callable[..., None],
) -> None:
    first, second = make.product(), make.product()
    bundle = keep(replace(draft, contents=(first.id, second.id)))

    save(bundle, contents=(second.id, first.id))

    assert stands(database, bundle).contents == (second.id, first.id)
    assert audit_of(database, bundle)[-1].detail["changes"].keys() == {"contents"}


def test_a_bundle_is_never_inside_itself_or_another(
    make: Factory, draft: ProductDraft, keep: Callable[..., UUID], save: Callable[..., None]
) -> None:
    plain = make.product()
    bundle = keep(replace(draft, contents=(plain.id,)))

    for contents, fault in (
        ((bundle,), Fault.CONTENT_ITSELF),
        ((plain.id, plain.id), Fault.CONTENT_TWICE),
    ):
        with pytest.raises(DraftRefused) as refusal:
            save(bundle, contents=contents)
        assert faults(refusal) == {("contents", fault)}
    with pytest.raises(DraftRefused) as nested:
        keep(replace(draft, slug="outer", contents=(bundle,)))
    with pytest.raises(DraftRefused) as inner:
        save(plain.id, contents=(make.product().id,))

    assert faults(nested) == {("contents", Fault.CONTENT_IS_BUNDLE)}
    assert faults(inner) == {("contents", Fault.INSIDE_A_BUNDLE)}


def test_a_copy_has_the_texts_and_tiers_but_has_sold_nothing(
    database: Database, make: Factory, editor: User
) -> None:
    product = make.product(price=baht(300), stock=10, sold_count=7, featured=True)
    make.reduced(product, original=baht(500))
    with database.transaction() as session:
        session.get_one(Variant, product.variants[0].id).sold = 4

    copies = []
    for _ in range(2):
        with database.transaction() as session:
            copies.append(duplicate_product(session, product.id, actor_id=editor.id, now=NOW))

    with database.reading() as session:
        first, second = (session.get_one(Product, one) for one in copies)
        tier = session.scalars(select(Variant).where(Variant.product_id == first.id)).one()
    assert (first.slug, second.slug) == (f"{product.slug}-copy", f"{product.slug}-copy-2")
    assert (first.status, first.sold_count, first.featured) == ("draft", 0, False)
    assert (first.name_en, first.name_th) == (
        f"{product.name_en} (copy)",
        f"{product.name_th} (สำเนา)",
    )
    assert (tier.stock, tier.sold, tier.original_price_satang) == (10, 0, None)
    assert audit_of(database, first.id)[0].action == "duplicate_product"


def test_a_draft_nobody_bought_can_be_deleted(
    database: Database, draft: ProductDraft, keep: Callable[..., UUID], editor: User, make: Factory
) -> None:
    product_id = keep(replace(draft, contents=(make.product().id,)))

    with database.transaction() as session:
        delete_draft(session, product_id, actor_id=editor.id)

    with database.reading() as session:
        assert session.get(Product, product_id) is None
    assert [one.action for one in audit_of(database, product_id)] == [
        "create_product",
        "delete_product",
    ]


def test_what_is_on_the_shelf_or_in_use_cannot_be_deleted(
    database: Database, make: Factory, editor: User
) -> None:
    published, carted, part = (
        make.product(),
        make.product(status="draft"),
        make.product(status="draft"),
    )
    make.cart(make.user(), (carted, 1))
    make.bundle(part)
    codes = []

    for product in (published, carted, part):
        with database.transaction() as session:
            with pytest.raises(Conflict) as refusal:
                delete_draft(session, product.id, actor_id=editor.id)
            codes.append(refusal.value.code)

    assert codes == ["product_not_draft", "product_in_use", "product_in_use"]
    assert len(stands(database, carted.id).tiers) == 1
    assert audit_of(database, carted.id) == []


def test_a_product_on_the_shelf_has_to_stay_fit_for_it(
    database: Database, make: Factory, save: Callable[..., None], editor: User
) -> None:
    product = make.product()

    with pytest.raises(DraftRefused) as refusal:
        save(product.id, summary_th="", tiers=())
    with database.transaction() as session:
        set_status(session, product.id, ProductStatus.DRAFT, actor_id=editor.id, now=NOW)
    save(product.id, summary_th="", tiers=())

    assert faults(refusal) == {("summary_th", Fault.MISSING), ("tiers", Fault.NO_TIER)}
    assert stands(database, product.id).tiers == ()
