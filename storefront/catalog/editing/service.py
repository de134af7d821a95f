"""Changes to products by staff. Every one writes an audit row in the same transaction (A2), and
raises the product's revision, by which the next editor is told of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from storefront.catalog.editing.rows import (
    LISTS,
    TEXTS,
    ProductRows,
    facts_of,
    lock_rows,
    one_change,
    read_rows,
    record_change,
)
from storefront.catalog.editing.rules import (
    LONGEST,
    DraftRefused,
    Fault,
    Problem,
    ProductDraft,
    problems_before_showing,
    problems_of,
    tidied,
)
from storefront.catalog.editing.tiers import problems_of_tiers, write_tiers
from storefront.catalog.models import (
    BundleItem,
    Category,
    Product,
    ProductImage,
    ProductStatus,
    Release,
    Variant,
)
from storefront.catalog.uploads.service import forget_uploads_of
from storefront.errors import Conflict
from storefront.kit.ids import new_id
from storefront.outbox import enqueue

# What a bundle on sale may hold: its parts are delivered with it.
SOLD: Final = (ProductStatus.PUBLISHED, ProductStatus.ARCHIVED)
COPY: Final = {"name_th": " (สำเนา)", "name_en": " (copy)"}


def create_product(session: Session, draft: ProductDraft, *, actor_id: UUID, now: datetime) -> UUID:
    """Write a new product down as a draft; returns its id. Raises DraftRefused with everything
    that is wrong."""
    return _insert(session, tidied(draft), "create_product", actor_id=actor_id, now=now)


def update_product(
    session: Session,
    product_id: UUID,
    draft: ProductDraft,
    *,
    revision: int,
    actor_id: UUID,
    now: datetime,
) -> None:
    """Make the product what was written down; what is the same already is left alone.

    `revision` is the one the editor saw. Locks the variants, then the product and its parts.
    Raises NotFound, Conflict `edited_elsewhere` when somebody else saved since, and DraftRefused
    with everything that is wrong; a product on the shelves has to stay fit for them.
    """
    wanted = tidied(draft)
    with one_change(session):
        rows = lock_rows(session, product_id, parts=wanted.contents)
        if rows.product.revision != revision:
            raise Conflict("edited_elsewhere", f"product is at {rows.product.revision}")
        if wanted == tidied(rows.draft):
            return
        status = ProductStatus(rows.product.status)
        _refuse(
            [
                *problems_of(wanted),
                *problems_before_showing(wanted, status),
                *problems_of_neighbours(session, wanted, product_id, status=status),
                *problems_of_tiers(session, wanted.tiers, rows.tiers, now=now),
            ]
        )
        before = facts_of(rows)
        _fill(rows.product, wanted)
        touch(rows.product, now=now)
        session.flush()
        write_tiers(session, product_id, wanted.tiers, rows.tiers)
        _write_contents(session, product_id, wanted.contents, rows.contents)
        after = facts_of(read_rows(session, product_id))
        record_change(
            session, rows.product, "change_product", actor_id=actor_id, before=before, after=after
        )


def duplicate_product(session: Session, product_id: UUID, *, actor_id: UUID, now: datetime) -> UUID:
    """A draft with the same texts, tiers and parts under an address of its own; returns its id.
    It has sold nothing, so it has no earlier price to strike out; pictures and releases stay with
    the original. Raises NotFound."""
    original = read_rows(session, product_id).draft
    copy = replace(
        original,
        slug=_free_slug(session, original.slug),
        name_th=_named_copy(original.name_th, "name_th"),
        name_en=_named_copy(original.name_en, "name_en"),
        featured=False,
        tiers=tuple(replace(tier, id=None, original=None) for tier in original.tiers),
    )
    return _insert(session, copy, "duplicate_product", actor_id=actor_id, now=now)


def delete_draft(session: Session, product_id: UUID, *, actor_id: UUID) -> None:
    """Delete a draft that nobody ever bought, with its tiers, pictures and releases; the worker
    deletes their files.

    Raises NotFound, Conflict `product_not_draft`, or Conflict `product_in_use` when an order, a
    cart, a licence or a bundle still points at it.
    """
    try:
        with session.begin_nested():
            rows = lock_rows(session, product_id)
            if rows.product.status != ProductStatus.DRAFT:
                raise Conflict("product_not_draft")
            record_change(
                session,
                rows.product,
                "delete_product",
                actor_id=actor_id,
                before=facts_of(rows),
                after={},
            )
            session.flush()
            _forget_files(session, product_id)
            for owned in (BundleItem.bundle_id, Release.product_id, Variant.product_id):
                session.execute(_delete_where(owned, product_id))
            session.execute(_delete_where(Product.id, product_id))
    except IntegrityError as error:
        raise Conflict("product_in_use", f"product {product_id} is pointed at") from error
    session.expire_all()


def problems_of_neighbours(
    session: Session,
    draft: ProductDraft,
    product_id: UUID | None,
    *,
    status: ProductStatus = ProductStatus.DRAFT,
) -> list[Problem]:
    """What is wrong with a draft in the light of other rows: its address, category and parts."""
    found = []
    taken = session.scalar(select(Product.id).where(Product.slug == draft.slug))
    if taken is not None and taken != product_id:
        found.append(Problem(Fault.SLUG_TAKEN, "slug"))
    if session.get(Category, draft.category_id) is None:
        found.append(Problem(Fault.UNKNOWN_CATEGORY, "category_id"))
    if not draft.contents:
        return found
    if product_id is not None and session.scalar(
        select(BundleItem.bundle_id).where(BundleItem.product_id == product_id).limit(1)
    ):
        found.append(Problem(Fault.INSIDE_A_BUNDLE, "contents"))
    return [*found, *_part_problems(session, draft.contents, product_id, status)]


def touch(product: Product, *, now: datetime) -> None:
    """Mark a locked product as changed, so that other editors and the search index notice."""
    product.revision += 1
    product.updated_at = now


def _forget_files(session: Session, product_id: UUID) -> None:
    """The tasks look first whether a row still needs the file."""
    images = select(ProductImage.id).where(ProductImage.product_id == product_id)
    for image_id in session.scalars(images):
        enqueue(session, "forget_picture", {"image_id": str(image_id)})
    for file_key in session.scalars(
        select(Release.file_key).where(Release.product_id == product_id)
    ):
        enqueue(session, "forget_archive", {"file_key": file_key})
    forget_uploads_of(session, product_id)


def _part_problems(
    session: Session, contents: Sequence[UUID], product_id: UUID | None, status: ProductStatus
) -> list[Problem]:
    known = {
        row.id: row.status
        for row in session.execute(
            select(Product.id, Product.status).where(Product.id.in_(contents))
        )
    }
    bundles = set(
        session.scalars(select(BundleItem.bundle_id).where(BundleItem.bundle_id.in_(contents)))
    )
    found = []
    for row, part in enumerate(contents):
        if part == product_id:
            found.append(Problem(Fault.CONTENT_ITSELF, "contents", row))
        elif part not in known:
            found.append(Problem(Fault.CONTENT_UNKNOWN, "contents", row))
        elif part in bundles:
            found.append(Problem(Fault.CONTENT_IS_BUNDLE, "contents", row))
        elif status is ProductStatus.PUBLISHED and known[part] not in SOLD:
            found.append(Problem(Fault.CONTENT_NOT_SOLD, "contents", row))
    return found


def _insert(
    session: Session, draft: ProductDraft, action: str, *, actor_id: UUID, now: datetime
) -> UUID:
    with one_change(session):
        product = Product(id=new_id(), status=ProductStatus.DRAFT, created_at=now, published_at=now)
        _refuse(
            [
                *problems_of(draft),
                *problems_of_neighbours(session, draft, None),
                *problems_of_tiers(session, draft.tiers, [], now=now),
            ]
        )
        _fill(product, draft)
        product.updated_at = now
        session.add(product)
        session.flush()
        write_tiers(session, product.id, draft.tiers, [])
        _write_contents(session, product.id, draft.contents, [])
        rows = read_rows(session, product.id)
        record_change(
            session, rows.product, action, actor_id=actor_id, before={}, after=_told(rows)
        )
        return product.id


def _told(rows: ProductRows) -> dict[str, object]:
    """Of a new product only what it has: empty fields say nothing."""
    return {name: value for name, value in facts_of(rows).items() if value not in ("", None, [])}


def _fill(product: Product, draft: ProductDraft) -> None:
    for name in TEXTS:
        setattr(product, name, getattr(draft, name))
    for name in LISTS:
        setattr(product, name, list(getattr(draft, name)))


def _write_contents(
    session: Session, product_id: UUID, wanted: Sequence[UUID], known: Sequence[UUID]
) -> None:
    if list(wanted) == list(known):
        return
    session.execute(_delete_where(BundleItem.bundle_id, product_id))
    for place, part in enumerate(wanted):
        session.add(BundleItem(bundle_id=product_id, product_id=part, position=place))
    session.flush()


def _delete_where(column: Any, product_id: UUID) -> Any:
    return (
        delete(column.class_)
        .where(column == product_id)
        .execution_options(synchronize_session=False)
    )


def _free_slug(session: Session, slug: str) -> str:
    stem = f"{slug[: LONGEST['slug'] - 9].rstrip('-')}-copy"
    taken = set(session.scalars(select(Product.slug).where(Product.slug.startswith(stem))))
    if stem not in taken:
        return stem
    return next(f"{stem}-{n}" for n in range(2, len(taken) + 3) if f"{stem}-{n}" not in taken)


def _named_copy(name: str, field: str) -> str:
    return name[: LONGEST[field] - len(COPY[field])].rstrip() + COPY[field] if name else ""


def _refuse(problems: Sequence[Problem]) -> None:
    if problems:
        raise DraftRefused(problems)
