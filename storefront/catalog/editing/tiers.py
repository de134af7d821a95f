"""Licence tiers of a product whose rows are locked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from storefront.catalog.editing.rules import Fault, Problem, TierDraft
from storefront.catalog.flash_sales import refresh_references
from storefront.catalog.models import UNLIMITED, Variant
from storefront.catalog.price_models import FlashSaleItem
from storefront.kit.ids import new_id


def problems_of_tiers(
    session: Session, tiers: Sequence[TierDraft], known: Sequence[Variant], *, now: datetime
) -> list[Problem]:
    """What is wrong with these tiers in the light of those that stand. The caller holds the locks
    of the known ones, so what is right now stays right."""
    rows = {tier.id: tier for tier in known}
    lowest = _lowest_prices(session, list(rows))
    found: list[Problem] = []
    for row, tier in enumerate(tiers):
        if tier.id is None:
            if tier.original is not None:
                found.append(Problem(Fault.STRUCK_WITHOUT_HISTORY, "tiers.original", row))
        elif tier.id not in rows:
            found.append(Problem(Fault.UNKNOWN_TIER, "tiers", row))
        else:
            found += _problems_of_known(tier, rows[tier.id], row, lowest.get(tier.id))
    kept = {tier.id for tier in tiers}
    return [*found, *_problems_of_gone(session, [t for t in known if t.id not in kept], now)]


def write_tiers(
    session: Session, product_id: UUID, tiers: Sequence[TierDraft], known: Sequence[Variant]
) -> None:
    """Make the tiers what was written down. A tier that is left out goes; when it was ever sold or
    lies in a cart it stays on record with none left. Prices that changed are noted by a trigger;
    what may be struck out in flash sales to come follows them."""
    rows = {tier.id: tier for tier in known}
    kept = {tier.id for tier in tiers}
    gone = [tier for tier in known if tier.id not in kept]
    for place, tier in enumerate(_without_refused(session, gone), len(tiers)):
        tier.stock, tier.position = tier.sold + tier.held, place
    repriced = [
        tier.id
        for tier in tiers
        if tier.id is not None and rows[tier.id].price_satang != tier.price.satang
    ]
    for place, draft in enumerate(tiers):
        row = rows.get(draft.id) if draft.id else None
        if row is None:
            row = Variant(id=new_id(), product_id=product_id)
            session.add(row)
        _fill(row, draft, place)
    session.flush()
    refresh_references(session, repriced)


def _problems_of_known(
    tier: TierDraft, row: Variant, place: int, lowest: int | None
) -> Iterator[Problem]:
    taken = row.sold + row.held
    if tier.stock != UNLIMITED and tier.stock < taken:
        yield Problem(Fault.STOCK_BELOW_SOLD, "tiers.stock", place, taken)
    prices = (tier.price, tier.original)
    if tier.original is None or prices == (row.price, row.original_price):
        return
    if lowest is None:
        yield Problem(Fault.STRUCK_WITHOUT_HISTORY, "tiers.original", place)
    elif tier.original.satang > lowest:
        yield Problem(Fault.STRUCK_TOO_HIGH, "tiers.original", place, lowest)


def _problems_of_gone(session: Session, gone: Sequence[Variant], now: datetime) -> list[Problem]:
    """Units in open payments come back when these fail, and would be on sale again."""
    found = [Problem(Fault.TIER_HELD, "tiers", limit=tier.held) for tier in gone if tier.held]
    on_sale = select(FlashSaleItem.id).where(
        FlashSaleItem.variant_id.in_([tier.id for tier in gone]), FlashSaleItem.ends_at > now
    )
    if gone and session.scalar(on_sale.limit(1)) is not None:
        found.append(Problem(Fault.TIER_ON_SALE, "tiers"))
    return found


def _lowest_prices(session: Session, variant_ids: Sequence[UUID]) -> Mapping[UUID, int | None]:
    """Per tier the lowest price of the last 30 days: what the trigger will compare with."""
    if not variant_ids:
        return {}
    found = session.execute(
        select(Variant.id, func.lowest_price(Variant.id, func.now())).where(
            Variant.id.in_(variant_ids)
        )
    )
    return {row[0]: row[1] for row in found}


def _without_refused(session: Session, gone: Sequence[Variant]) -> list[Variant]:
    """Delete them; those that something still points at are handed back."""
    refused = []
    for tier in gone:
        try:
            with session.begin_nested():
                session.execute(
                    delete(Variant)
                    .where(Variant.id == tier.id)
                    .execution_options(synchronize_session=False)
                )
        except IntegrityError:
            refused.append(tier)
        else:
            session.expunge(tier)
    return refused


def _fill(row: Variant, draft: TierDraft, place: int) -> None:
    row.code = draft.code
    row.position = place
    row.name_th = draft.name_th
    row.name_en = draft.name_en
    row.price_satang = draft.price.satang
    row.original_price_satang = draft.original.satang if draft.original else None
    row.stock = draft.stock
    row.slots = draft.slots
    row.duration_days = draft.duration_days
