"""Comparing a file with the catalogue: what would be created, changed, or left alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from storefront.catalog.csv_files.drafting import FileProduct, FileTier, draft_products
from storefront.catalog.csv_files.reading import read_rows
from storefront.catalog.csv_files.rules import MOST_CHANGED, CsvFault, Finding, ImportRefused
from storefront.catalog.editing.rows import ProductRows
from storefront.catalog.editing.rules import (
    Problem,
    ProductDraft,
    TierDraft,
    problems_before_showing,
    problems_of,
    tidied,
)
from storefront.catalog.editing.service import problems_of_neighbours
from storefront.catalog.editing.tiers import problems_of_tiers
from storefront.catalog.models import BundleItem, Category, Product, ProductStatus, Variant
from storefront.kit.ids import new_id

_COLUMN_OF: Final = {
    "category_id": "category",
    "resource_cost_us": "resource_cost_ms",
    "contents": "slug",
    "tiers": "tier_code",
    "tiers.code": "tier_code",
    "tiers.name_th": "tier_name_th",
    "tiers.name_en": "tier_name_en",
    "tiers.price": "tier_price",
    "tiers.original": "tier_original_price",
    "tiers.stock": "tier_stock",
    "tiers.slots": "tier_slots",
    "tiers.duration_days": "tier_days",
}


class Step(StrEnum):
    """What would become of a product."""

    CREATE = "create"
    CHANGE = "change"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class PlannedProduct:
    """A product of the file and what would become of it. `changes` names the columns that would
    change, with the code of the tier where they are about one."""

    step: Step
    source: FileProduct
    draft: ProductDraft
    product_id: UUID | None
    revision: int
    updated_at: datetime | None
    status_before: str
    changes: tuple[str, ...]
    tier_lines: tuple[int, ...]

    def findings_of(self, problems: Iterable[Problem]) -> list[Finding]:
        """Problems with this product, by line and column of the file."""
        return [self._finding(problem) for problem in problems]

    def _finding(self, problem: Problem) -> Finding:
        column = _COLUMN_OF.get(problem.field, problem.field)
        if problem.field.startswith("tiers") and problem.row is not None:
            line = self.tier_lines[problem.row]
        else:
            line = self.source.lines.get(column, self.source.line)
        value = self.source.category if column == "category" else ""
        return Finding(line, column, problem.fault, value, problem.limit)


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a file would do."""

    products: Sequence[PlannedProduct]

    def of(self, step: Step) -> list[PlannedProduct]:
        """Those that would be created, changed or left alone."""
        return [product for product in self.products if product.step is step]


def plan_import(session: Session, body: bytes, *, now: datetime) -> Plan:
    """Check a whole file against the catalogue; writes and locks nothing.

    Raises ImportRefused with every finding. Products that stay as they are cost no query of their
    own; each other one costs up to five.
    """
    products, findings = draft_products(read_rows(body))
    categories = dict(session.execute(select(Category.slug, Category.id)).all())
    known = _known_rows(session, [product.slug for product in products])
    planned = []
    for product in products:
        if product.category not in categories:
            line = product.lines["category"]
            findings.append(
                Finding(line, "category", CsvFault.CATEGORY_UNKNOWN, product.category[:60])
            )
        category_id = categories.get(product.category) or new_id()
        planned.append(_planned(product, category_id, known.get(product.slug)))
    changing = sum(one.step is not Step.SAME for one in planned)
    if changing > MOST_CHANGED:
        findings.append(
            Finding(0, "", CsvFault.TOO_MANY_CHANGES, f"{changing:,}", limit=MOST_CHANGED)
        )
    if findings:
        raise ImportRefused(findings)
    for one in planned:
        findings += one.findings_of(_problems(session, one, known.get(one.source.slug), now=now))
    if findings:
        raise ImportRefused(findings)
    return Plan(planned)


def _planned(product: FileProduct, category_id: UUID, rows: ProductRows | None) -> PlannedProduct:
    tiers, lines = _merged_tiers(product, rows)
    texts: dict[str, Any] = {**product.texts, **product.lists}
    draft = tidied(
        ProductDraft(
            slug=product.slug,
            category_id=category_id,
            **texts,
            delivery=product.delivery,
            resource_cost_us=product.resource_cost_us,
            featured=product.featured,
            tiers=tiers,
            contents=rows.draft.contents if rows else (),
        )
    )
    if rows is None:
        return PlannedProduct(Step.CREATE, product, draft, None, 0, None, "draft", (), lines)
    changes = _changes(tidied(rows.draft), draft)
    if rows.product.status != product.status:
        changes.insert(0, "status")
    return PlannedProduct(
        step=Step.CHANGE if changes else Step.SAME,
        source=product,
        draft=draft,
        product_id=rows.product.id,
        revision=rows.product.revision,
        updated_at=rows.product.updated_at,
        status_before=rows.product.status,
        changes=tuple(changes),
        tier_lines=lines,
    )


def _merged_tiers(
    product: FileProduct, rows: ProductRows | None
) -> tuple[tuple[TierDraft, ...], tuple[int, ...]]:
    """The tiers of the file in its order. Those that are not in the file keep their places: a file
    with some tiers only takes none away."""
    known = rows.draft.tiers if rows else ()
    ids = {tier.code: tier.id for tier in known}
    in_file = {tier.code for tier in product.tiers}
    fresh = [(_tier_draft(tier, ids.get(tier.code)), tier.line) for tier in product.tiers]
    merged: list[tuple[TierDraft, int]] = []
    for tier in known:
        merged.append(fresh.pop(0) if tier.code in in_file else (tier, product.line))
    merged += fresh
    return tuple(tier for tier, _ in merged), tuple(line for _, line in merged)


def _tier_draft(tier: FileTier, tier_id: UUID | None) -> TierDraft:
    return TierDraft(
        id=tier_id,
        code=tier.code,
        name_th=tier.name_th,
        name_en=tier.name_en,
        price=tier.price,
        original=tier.original,
        stock=tier.stock,
        slots=tier.slots,
        duration_days=tier.duration_days,
    )


def _changes(before: ProductDraft, after: ProductDraft) -> list[str]:
    changed = [
        _COLUMN_OF.get(field.name, field.name)
        for field in fields(ProductDraft)
        if field.name != "tiers" and getattr(before, field.name) != getattr(after, field.name)
    ]
    old = {tier.code: tier for tier in before.tiers}
    for tier in after.tiers:
        changed += [f"{tier.code}.{column}" for column in _tier_changes(old.get(tier.code), tier)]
    if not changed and before.tiers != after.tiers:
        changed.append("tier_code")
    return changed


def _tier_changes(before: TierDraft | None, after: TierDraft) -> list[str]:
    if before is None:
        return ["tier_code"]
    return [
        _COLUMN_OF[f"tiers.{field.name}"]
        for field in fields(TierDraft)
        if field.name != "id" and getattr(before, field.name) != getattr(after, field.name)
    ]


def _problems(
    session: Session, planned: PlannedProduct, rows: ProductRows | None, *, now: datetime
) -> list[Problem]:
    if planned.step is Step.SAME:
        return []
    draft, status = planned.draft, ProductStatus(planned.source.status)
    return [
        *problems_of(draft),
        *problems_before_showing(draft, status),
        *problems_of_neighbours(session, draft, planned.product_id, status=status),
        *problems_of_tiers(session, draft.tiers, rows.tiers if rows else [], now=now),
    ]


def _known_rows(session: Session, slugs: Sequence[str]) -> Mapping[str, ProductRows]:
    """Products of these addresses as they stand now: 3 queries, however many."""
    fresh: dict[str, Any] = {"populate_existing": True}
    products = session.scalars(
        select(Product).where(Product.slug.in_(slugs)).execution_options(**fresh)
    ).all()
    ids = [product.id for product in products]
    tiers: defaultdict[UUID, list[Variant]] = defaultdict(list)
    for tier in session.scalars(
        select(Variant)
        .where(Variant.product_id.in_(ids))
        .order_by(Variant.position, Variant.id)
        .execution_options(**fresh)
    ):
        tiers[tier.product_id].append(tier)
    contents: defaultdict[UUID, list[UUID]] = defaultdict(list)
    for bundle_id, product_id in session.execute(
        select(BundleItem.bundle_id, BundleItem.product_id)
        .where(BundleItem.bundle_id.in_(ids))
        .order_by(BundleItem.position, BundleItem.product_id)
    ):
        contents[bundle_id].append(product_id)
    return {
        product.slug: ProductRows(product, tiers[product.id], contents[product.id])
        for product in products
    }
