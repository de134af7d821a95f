"""The keys of a purchase made at Tebex: a licence per unit of every package that is known here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from storefront.catalog.models import BundleItem, Variant
from storefront.licenses.elsewhere import ForeignGrant, Origin, issue_foreign
from storefront.licenses.keys import KeyVault
from storefront.licenses.models import LicenseSource
from storefront.tebex.models import TebexPackage, TebexPurchase, TebexPurchaseLine
from storefront.tebex.renewing import settle_renewals


def deliver_keys(
    session: Session, purchase: TebexPurchase, *, vault: KeyVault, now: datetime
) -> int:
    """Issue what a locked purchase with an owner still lacks, with the time that was paid for
    since; returns how many keys are new.

    A line whose keys were made once stays with the tier they were made as, whatever its package
    means later. A line of an unknown package waits for staff to say what it is. Idempotent.
    """
    if purchase.user_id is None:
        return 0
    _settle_tiers(session, purchase.lines)
    known = [line for line in purchase.lines if line.variant_id is not None]
    variants = _variants_of(session, known)
    contents = _contents_of(session, {one.product_id for one in variants.values()})
    made = issue_foreign(
        session,
        _grants(known, variants, contents),
        origin=Origin(source=LicenseSource.TEBEX, reference=purchase.transaction_id),
        user_id=purchase.user_id,
        vault=vault,
        now=now,
    )
    settle_renewals(session, purchase, now=now)
    return made


def knows_package(session: Session, purchase_id: UUID) -> bool:
    """Whether any package of this purchase is known here."""
    found = session.scalar(
        select(TebexPurchaseLine.id)
        .join(TebexPackage, TebexPackage.package_id == TebexPurchaseLine.package_id)
        .where(TebexPurchaseLine.purchase_id == purchase_id)
        .limit(1)
    )
    return found is not None


def _settle_tiers(session: Session, lines: Sequence[TebexPurchaseLine]) -> None:
    open_lines = [line for line in lines if line.variant_id is None]
    if not open_lines:
        return
    wanted = {line.package_id for line in open_lines}
    rows = session.execute(
        select(TebexPackage.package_id, TebexPackage.variant_id).where(
            TebexPackage.package_id.in_(wanted)
        )
    )
    tiers = {row.package_id: row.variant_id for row in rows}
    for line in open_lines:
        line.variant_id = tiers.get(line.package_id)


def _variants_of(session: Session, lines: Iterable[TebexPurchaseLine]) -> Mapping[UUID, Variant]:
    wanted = {line.variant_id for line in lines}
    found = session.scalars(select(Variant).where(Variant.id.in_(wanted)))
    return {variant.id: variant for variant in found}


def _contents_of(session: Session, product_ids: set[UUID]) -> Mapping[UUID, list[UUID]]:
    rows = session.execute(
        select(BundleItem.bundle_id, BundleItem.product_id)
        .where(BundleItem.bundle_id.in_(product_ids))
        .order_by(BundleItem.bundle_id, BundleItem.position)
    )
    contents: dict[UUID, list[UUID]] = {}
    for row in rows:
        contents.setdefault(row.bundle_id, []).append(row.product_id)
    return contents


def _grants(
    lines: Iterable[TebexPurchaseLine],
    variants: Mapping[UUID, Variant],
    contents: Mapping[UUID, list[UUID]],
) -> Iterator[ForeignGrant]:
    for line in lines:
        assert line.variant_id is not None  # noqa: S101 - the caller chose these lines
        variant = variants[line.variant_id]
        # A bundle's tier grants one licence for each product inside, none for itself.
        for product_id in contents.get(variant.product_id, [variant.product_id]):
            for unit in range(line.first_unit, line.first_unit + line.quantity):
                yield ForeignGrant(
                    product_id=product_id,
                    variant_id=variant.id,
                    unit=unit,
                    slots=variant.slots,
                    duration_days=variant.duration_days,
                )
