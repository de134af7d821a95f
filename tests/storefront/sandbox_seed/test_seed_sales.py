"""The demo's flash sales: one runs, one is planned, and no struck-out price is invented."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from storefront.bootstrap import Shop
from storefront.catalog.flash_sales.queries import list_open_sales
from storefront.catalog.flash_sales.rules import Phase
from storefront.catalog.models import Product, Variant
from storefront.catalog.price_models import FlashSaleItem, PriceChange
from storefront.kit.money import Money
from storefront.sandbox.seed.content import products
from storefront.sandbox.seed.sales import SALES, seed_sales
from tests.support.factories import Factory

DAYS_AGO = timedelta(days=200)


@pytest.fixture
def shelves(shop: Shop, make: Factory) -> None:
    """The demo's products as rows: their first tier, with its prices."""
    make.user(role="admin")
    shelf = make.category()
    for seed in products():
        first = seed.variants[0]
        product = make.product(
            slug=seed.slug,
            status=seed.status,
            category_id=shelf.id,
            price=Money(first.price_satang),
            stock=first.stock,
            published_at=shop.clock() - timedelta(days=seed.days_ago),
        )
        if first.original_price_satang:
            with shop.database.transaction() as session:
                session.delete(session.get_one(Variant, product.variants[0].id))
                session.flush()
                session.add(
                    Variant(
                        product_id=product.id,
                        code=first.code,
                        name_th=first.name_th,
                        name_en=first.name_en,
                        price_satang=first.price_satang,
                        original_price_satang=first.original_price_satang,
                        slots=first.slots,
                    )
                )


@pytest.mark.usefixtures("shelves")
def test_one_sale_runs_for_twenty_hours_and_one_is_planned(shop: Shop) -> None:
    now = shop.clock()
    seed_sales(shop, now=now)
    seed_sales(shop, now=now)
    with shop.database.reading() as session:
        running, planned = list_open_sales(session, now=now)
        items = session.scalars(select(FlashSaleItem)).all()
    assert (running.phase, planned.phase) == (Phase.RUNNING, Phase.PLANNED)
    assert running.ends_at - now == timedelta(hours=20)
    assert len(items) == sum(len(sale.items) for sale in SALES)
    assert all(item.sold == item.held == 0 for item in items)
    assert all((item.reference_satang or 0) > item.price_satang for item in items)


@pytest.mark.usefixtures("shelves")
def test_every_struck_out_price_was_the_lowest_of_the_thirty_days_before_the_cut(
    shop: Shop,
) -> None:
    now = shop.clock()
    seed_sales(shop, now=now)
    with shop.database.reading() as session:
        reduced = session.execute(
            select(Variant, Product.slug)
            .join(Product, Product.id == Variant.product_id)
            .where(Variant.original_price_satang.is_not(None))
        ).all()
        for variant, slug in reduced:
            cut = session.scalar(
                select(func.min(PriceChange.began_at)).where(
                    PriceChange.variant_id == variant.id,
                    PriceChange.price_satang == variant.price_satang,
                )
            )
            lowest = session.scalar(select(func.lowest_price(variant.id, cut)))
            assert cut is not None
            assert now - cut < timedelta(days=30), slug
            assert lowest == variant.original_price_satang, slug
    assert len(reduced) >= 5
