"""Rows of one product, locked together, and how a change of them is put on record."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import psycopg
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from storefront.accounts.service import record_audit
from storefront.catalog.editing.rules import (
    DraftRefused,
    Fault,
    Problem,
    ProductDraft,
    TierDraft,
    tidied,
)
from storefront.catalog.models import BundleItem, Product, Variant
from storefront.catalog.search.service import enqueue_indexing
from storefront.catalog.share_cards import enqueue_share_card
from storefront.errors import NotFound

LONGEST_FACT: Final = 160
CONTEXT: Final = 40
Facts = dict[str, Any]

# What the last line of defence says, in the words of the form.
_CONSTRAINTS: Final = {
    "uq_products_slug": Problem(Fault.SLUG_TAKEN, "slug"),
    "uq_variants_product_id_code": Problem(Fault.CODE_TAKEN, "tiers"),
    "ck_variants_honest_original": Problem(Fault.STRUCK_TOO_HIGH, "tiers"),
    "ck_variants_not_oversold": Problem(Fault.STOCK_BELOW_SOLD, "tiers"),
    "ck_bundle_items_flat": Problem(Fault.CONTENT_IS_BUNDLE, "contents"),
    "ck_bundle_items_not_itself": Problem(Fault.CONTENT_ITSELF, "contents"),
    "fk_bundle_items_product_id": Problem(Fault.CONTENT_UNKNOWN, "contents"),
    "fk_products_category_id": Problem(Fault.UNKNOWN_CATEGORY, "category_id"),
}


@dataclass(frozen=True, slots=True)
class ProductRows:
    """A product with its tiers and its parts in the seller's order."""

    product: Product
    tiers: Sequence[Variant]
    contents: Sequence[UUID]

    @property
    def draft(self) -> ProductDraft:
        """What stands in the rows, as staff would have to write it to get the same."""
        values: dict[str, Any] = {name: getattr(self.product, name) for name in TEXTS}
        for name in LISTS:
            values[name] = tuple(getattr(self.product, name))
        return ProductDraft(
            **values,
            tiers=tuple(_draft_of(tier) for tier in self.tiers),
            contents=tuple(self.contents),
        )


TEXTS: Final = (
    *("slug", "category_id", "name_th", "name_en", "summary_th", "summary_en"),
    *("description_th", "description_en", "delivery", "resource_cost_us"),
    *("docs_url", "video_url", "featured"),
)
LISTS: Final = ("features_th", "features_en", "tags", "frameworks", "dependencies")


@contextmanager
def one_change(session: Session) -> Iterator[None]:
    """A savepoint around one change, so that nothing is stored by halves even where a caller goes
    on with the next. Raises DraftRefused where a named constraint of the database refused."""
    try:
        with session.begin_nested():
            yield
    except IntegrityError as error:
        problem = _CONSTRAINTS.get(constraint_of(error))
        if problem is None:
            raise
        raise DraftRefused([problem]) from error


def constraint_of(error: IntegrityError) -> str:
    """The name of the constraint that was broken, empty when the database did not say."""
    if isinstance(error.orig, psycopg.Error):
        return error.orig.diag.constraint_name or ""
    return ""


def lock_rows(session: Session, product_id: UUID, *, parts: Collection[UUID] = ()) -> ProductRows:
    """The product with everything it is made of, locked until the end of the transaction.

    Variants come first, because that is how buyers come: one who takes the last unit locks the
    variant and then, by a trigger, its product. `parts` are products that are about to stand in
    it: they are only kept from being deleted, because a buyer of two products holds one and waits
    for the other. Raises NotFound.
    """
    session.execute(
        select(Variant.id)
        .where(Variant.product_id == product_id)
        .order_by(Variant.id)
        .with_for_update(key_share=True)
    )
    session.execute(
        select(Product.id).where(Product.id == product_id).with_for_update(key_share=True)
    )
    session.execute(
        select(Product.id)
        .where(Product.id.in_(parts))
        .order_by(Product.id)
        .with_for_update(read=True, key_share=True)
    )
    return read_rows(session, product_id)


def read_rows(session: Session, product_id: UUID) -> ProductRows:
    """The product with everything it is made of, as it stands now: 3 queries. Raises NotFound."""
    fresh = {"populate_existing": True}
    product = session.get(Product, product_id, execution_options=fresh, populate_existing=True)
    if product is None:
        raise NotFound("product")
    tiers = session.scalars(
        select(Variant)
        .where(Variant.product_id == product_id)
        .order_by(Variant.position, Variant.id)
        .execution_options(**fresh)
    ).all()
    contents = session.scalars(
        select(BundleItem.product_id)
        .where(BundleItem.bundle_id == product_id)
        .order_by(BundleItem.position, BundleItem.product_id)
    ).all()
    return ProductRows(product, tiers, contents)


def facts_of(rows: ProductRows) -> Facts:
    """The product as the audit keeps it: one flat list of names and values. White space that
    nobody sees is left out, so that tidying it up is no change."""
    draft = tidied(rows.draft)
    facts: Facts = {"status": str(rows.product.status), "category": str(draft.category_id)}
    for name in (*TEXTS, *LISTS):
        value = getattr(draft, name)
        if name != "category_id":
            facts[name] = list(value) if isinstance(value, tuple) else value
    for tier in draft.tiers:
        facts |= {f"{tier.code}.{name}": value for name, value in _tier_facts(tier).items()}
    if draft.contents:
        facts["contents"] = [str(one) for one in draft.contents]
    return facts


def record_change(
    session: Session,
    product: Product,
    action: str,
    *,
    actor_id: UUID,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
) -> None:
    """One audit row with what changed, long texts shortened; the search index and the share card
    follow the change."""
    changes = {
        name: _pair(before.get(name), after.get(name))
        for name in dict.fromkeys((*before, *after))
        if before.get(name) != after.get(name)
    }
    record_audit(
        session,
        actor_id=actor_id,
        action=action,
        subject=("product", product.id),
        detail={"name": product.slug, "revision": product.revision, "changes": changes},
    )
    enqueue_indexing(session, product.id)
    enqueue_share_card(session, product.id)


def _draft_of(tier: Variant) -> TierDraft:
    return TierDraft(
        id=tier.id,
        code=tier.code,
        name_th=tier.name_th,
        name_en=tier.name_en,
        price=tier.price,
        original=tier.original_price,
        stock=tier.stock,
        slots=tier.slots,
        duration_days=tier.duration_days,
    )


def _tier_facts(tier: TierDraft) -> Facts:
    return {
        "name_th": tier.name_th,
        "name_en": tier.name_en,
        "price_satang": tier.price.satang,
        "original_price_satang": tier.original.satang if tier.original else None,
        "stock": tier.stock,
        "slots": tier.slots,
        "duration_days": tier.duration_days,
    }


def _pair(before: Any, after: Any) -> list[Any]:
    """Both values; of long texts the part around the place where they begin to differ."""
    one, other = _plain(before), _plain(after)
    start = 0
    if isinstance(one, str) and isinstance(other, str):
        pairs = enumerate(zip(one, other, strict=False))
        shorter = min(len(one), len(other))
        start = max(0, next((at for at, (a, b) in pairs if a != b), shorter) - CONTEXT)
    return [_cut(one, start), _cut(other, start)]


def _plain(value: Any) -> Any:
    return ", ".join(map(str, value)) if isinstance(value, list) else value


def _cut(value: Any, start: int) -> Any:
    if not isinstance(value, str) or len(value) <= LONGEST_FACT:
        return value
    end = start + LONGEST_FACT - 2
    return ("…" if start else "") + value[start:end] + ("…" if end < len(value) else "")
