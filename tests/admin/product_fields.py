"""The form of a product as tests fill it in."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask.testing import FlaskClient
from sqlalchemy import select

from storefront.accounts.models import AuditEntry
from storefront.catalog.models import Product, Variant
from storefront.db import Database

PATH = "/en/admin/products"
UNKNOWN_ID = "01900000-0000-7000-8000-000000000001"
TIER = {
    "tier_count": "1",
    "tier-0-code": "standard",
    "tier-0-name_th": "มาตรฐาน",
    "tier-0-name_en": "Standard",
    "tier-0-price": "1,490.50",
    "tier-0-slots": "2",
}


def the_product(database: Database) -> tuple[Product, list[Variant]]:
    with database.reading() as session:
        product = session.scalars(select(Product)).one()
        return product, list(session.scalars(select(Variant).order_by(Variant.position)))


def form_of(product: Product, **changed: Any) -> dict[str, Any]:
    """The form of a product of the factory as the page shows it."""
    tier = product.variants[0]
    return {
        "revision": "1",
        "slug": product.slug,
        "category_id": product.category_id,
        **{
            f"{part}_{language}": getattr(product, f"{part}_{language}")
            for part in ("name", "summary", "description")
            for language in ("th", "en")
        },
        "features_th": "\n".join(product.features_th),
        "features_en": "\n".join(product.features_en),
        "tags": ", ".join(product.tags),
        "frameworks": product.frameworks,
        "dependencies": ", ".join(product.dependencies),
        "delivery": product.delivery,
        "resource_cost": "0.01",
        "tier_count": "1",
        "tier-0-id": tier.id,
        "tier-0-code": tier.code,
        "tier-0-name_th": tier.name_th,
        "tier-0-name_en": tier.name_en,
        "tier-0-price": str(tier.price_satang / 100),
        "tier-0-stock": "" if tier.stock == -1 else str(tier.stock),
        "tier-0-slots": str(tier.slots),
        **changed,
    }


def send(client: FlaskClient, product: Product, **changed: Any) -> Any:
    return client.post(f"{PATH}/{product.id}", data=form_of(product, **changed))


def fresh(database: Database, product: Product) -> Product:
    with database.reading() as session:
        return session.get_one(Product, product.id)


def actions(database: Database, product_id: UUID) -> list[str]:
    with database.reading() as session:
        query = select(AuditEntry.action).where(AuditEntry.subject_id == str(product_id))
        return list(session.scalars(query.order_by(AuditEntry.id)))
