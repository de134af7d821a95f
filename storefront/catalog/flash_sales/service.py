"""Changes to flash sales. Every one writes an audit row in the same transaction (A2).

Locks, everywhere in this order: the sale, the variants in it (in the order in which buyers lock
them), their items. A buyer locks a variant before its item too, so neither waits for the other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from storefront.accounts.service import record_audit
from storefront.catalog.flash_sales.queries import find_items, find_tiers
from storefront.catalog.flash_sales.rules import (
    Fault,
    ItemDraft,
    KeptItem,
    Phase,
    Problem,
    SaleDraft,
    SaleRefused,
    TierFacts,
    phase_at,
    problems_of_plan,
    problems_of_running,
    start_of,
)
from storefront.catalog.models import Variant
from storefront.catalog.price_models import FlashSale, FlashSaleItem
from storefront.errors import Conflict, NotFound
from storefront.kit.ids import new_id

SHORTEST: Final = timedelta(microseconds=1)
Facts = dict[str, Any]
Tiers = Mapping[UUID, TierFacts]
Kept = Mapping[UUID, KeptItem]
Window = tuple[datetime, datetime]


def schedule_sale(session: Session, draft: SaleDraft, *, actor_id: UUID, now: datetime) -> UUID:
    """Plan a sale, or start it right away; returns its id.

    The price that may be struck out is the lowest of the 30 days before the start, worked out
    now. Locks the variants, so of two sales that overlap only one is written. Raises SaleRefused
    with everything that is wrong.
    """
    starts_at = start_of(draft, now)
    tiers = _lock_tiers(session, (item.variant_id for item in draft.items), at=starts_at)
    problems = problems_of_plan(draft, tiers, now=now)
    _refuse([*problems, *_overlaps(session, draft.items, (starts_at, draft.ends_at))])
    sale_id = new_id()
    session.execute(
        insert(FlashSale).values(
            id=sale_id,
            **_names_of(draft),
            starts_at=starts_at,
            ends_at=draft.ends_at,
            created_at=now,
        )
    )
    _add_items(session, sale_id, draft.items, tiers, (starts_at, draft.ends_at))
    _audit(session, sale_id, "schedule_flash_sale", actor_id, {}, _facts(session, sale_id, tiers))
    refresh_references(session, tiers, now=now)
    return sale_id


def change_sale(
    session: Session,
    sale_id: UUID,
    draft: SaleDraft,
    *,
    revision: int,
    actor_id: UUID,
    now: datetime,
) -> None:
    """Change a sale. A planned one may change altogether; of a running one the name, the end,
    more units and more items.

    Raises NotFound, Conflict `edited_elsewhere` when `revision` is not the one that stands,
    Conflict `flash_sale_ended`, or SaleRefused. Sent twice, the second time is `edited_elsewhere`.
    """
    sale = _lock_sale(session, sale_id)
    if sale.revision != revision:
        raise Conflict("edited_elsewhere", f"flash sale {sale_id} is at {sale.revision}")
    phase = phase_at(sale.starts_at, sale.ends_at, now)
    if phase is Phase.ENDED:
        raise Conflict("flash_sale_ended")
    starts_at = sale.starts_at if phase is Phase.RUNNING else start_of(draft, now)
    kept = {item.variant_id: item for item in find_items(session, sale_id)}
    wanted = {item.variant_id for item in draft.items} | kept.keys()
    # An item that joins a running sale is cheaper from now on, not from the sale's start.
    tiers = _lock_tiers(session, wanted, at=max(starts_at, now))
    before = _facts(session, sale_id, tiers)
    window = (starts_at, draft.ends_at)
    overlaps = _overlaps(session, draft.items, window, except_sale=sale_id)
    if phase is Phase.RUNNING:
        _refuse([*problems_of_running(draft, tiers, kept, since=starts_at, now=now), *overlaps])
        _extend_items(session, sale, draft, tiers, kept)
    else:
        _refuse([*problems_of_plan(draft, tiers, now=now), *overlaps])
        _replace_items(session, sale, draft, tiers, window)
    _audit(session, sale_id, "change_flash_sale", actor_id, before, _facts(session, sale_id, tiers))
    refresh_references(session, wanted, now=now)


def end_sale(session: Session, sale_id: UUID, *, actor_id: UUID, now: datetime) -> None:
    """End a running sale now. One that is over already stays as it is. Raises NotFound, or
    Conflict `flash_sale_not_running` for one that has not begun."""
    sale = _lock_sale(session, sale_id)
    phase = phase_at(sale.starts_at, sale.ends_at, now)
    if phase is Phase.PLANNED:
        raise Conflict("flash_sale_not_running")
    if phase is Phase.ENDED:
        return
    variant_ids = [item.variant_id for item in find_items(session, sale_id)]
    tiers = _lock_tiers(session, variant_ids, at=now)
    before = _facts(session, sale_id, tiers)
    # Ended in the moment of its start it still needs a window that is not empty.
    ends_at = max(now, sale.starts_at + SHORTEST)
    _touch(session, sale, ends_at=ends_at)
    _audit(session, sale_id, "end_flash_sale", actor_id, before, _facts(session, sale_id, tiers))
    refresh_references(session, variant_ids, now=now)


def delete_sale(session: Session, sale_id: UUID, *, actor_id: UUID, now: datetime) -> None:
    """Throw a planned sale away. Raises NotFound, or Conflict `flash_sale_begun`: what was offered
    stays on record."""
    sale = _lock_sale(session, sale_id)
    if phase_at(sale.starts_at, sale.ends_at, now) is not Phase.PLANNED:
        raise Conflict("flash_sale_begun")
    variant_ids = [item.variant_id for item in find_items(session, sale_id)]
    tiers = _lock_tiers(session, variant_ids, at=now)
    _audit(session, sale_id, "delete_flash_sale", actor_id, _facts(session, sale_id, tiers), {})
    session.execute(delete(FlashSale).where(FlashSale.id == sale_id))
    refresh_references(session, variant_ids, now=now)


def refresh_references(
    session: Session, variant_ids: Collection[UUID], *, now: datetime | None = None
) -> None:
    """Work out anew what may be struck out in sales of these variants that have not begun: called
    whenever a price of theirs changes. Idempotent. The caller holds the variants' locks."""
    if not variant_ids:
        return
    lowest = func.lowest_price(FlashSaleItem.variant_id, FlashSaleItem.starts_at)
    session.execute(
        update(FlashSaleItem)
        .where(
            FlashSaleItem.variant_id.in_(variant_ids),
            FlashSaleItem.starts_at > (now or func.now()),
        )
        .values(reference_satang=lowest)
        .execution_options(synchronize_session=False)
    )


def _refuse(problems: Sequence[Problem]) -> None:
    if problems:
        raise SaleRefused(problems)


def _lock_sale(session: Session, sale_id: UUID) -> FlashSale:
    sale = session.scalar(
        select(FlashSale)
        .where(FlashSale.id == sale_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if sale is None:
        raise NotFound("flash_sale")
    return sale


def _lock_tiers(session: Session, variant_ids: Iterable[UUID], *, at: datetime) -> Tiers:
    wanted = set(variant_ids)
    session.execute(
        select(Variant.id)
        .where(Variant.id.in_(wanted))
        .order_by(Variant.product_id, Variant.id)
        .with_for_update(key_share=True)
    )
    return find_tiers(session, wanted, at=at)


def _overlaps(
    session: Session,
    items: Sequence[ItemDraft],
    window: Window,
    *,
    except_sale: UUID | None = None,
) -> list[Problem]:
    """Other sales in the way. The trigger on the table would refuse as well, but not by name."""
    query = (
        select(FlashSaleItem.variant_id, FlashSale.name_th, FlashSale.name_en)
        .join(FlashSale, FlashSale.id == FlashSaleItem.sale_id)
        .where(
            FlashSaleItem.variant_id.in_([item.variant_id for item in items]),
            FlashSaleItem.starts_at < window[1],
            FlashSaleItem.ends_at > window[0],
        )
        .order_by(FlashSaleItem.starts_at)
    )
    if except_sale is not None:
        query = query.where(FlashSaleItem.sale_id != except_sale)
    return [
        Problem(Fault.OVERLAPS, "items", row.variant_id, other_th=row.name_th, other_en=row.name_en)
        for row in session.execute(query)
    ]


def _add_items(
    session: Session,
    sale_id: UUID,
    items: Sequence[ItemDraft],
    tiers: Tiers,
    window: Window,
) -> None:
    rows = [
        {
            "id": new_id(),
            "sale_id": sale_id,
            "product_id": tiers[item.variant_id].product_id,
            "variant_id": item.variant_id,
            "starts_at": window[0],
            "ends_at": window[1],
            "price_satang": item.price.satang,
            "reference_satang": _satang_of_lowest(tiers[item.variant_id]),
            "units": item.units,
            "sold": 0,
            "held": 0,
        }
        for item in items
    ]
    if rows:
        session.execute(insert(FlashSaleItem), rows)


def _satang_of_lowest(tier: TierFacts) -> int | None:
    return None if tier.lowest is None else tier.lowest.satang


def _replace_items(
    session: Session, sale: FlashSale, draft: SaleDraft, tiers: Tiers, window: Window
) -> None:
    """Nothing was sold in a sale that has not begun: its items are written anew."""
    session.execute(delete(FlashSaleItem).where(FlashSaleItem.sale_id == sale.id))
    _touch(session, sale, **_names_of(draft), starts_at=window[0], ends_at=window[1])
    _add_items(session, sale.id, draft.items, tiers, window)


def _extend_items(
    session: Session, sale: FlashSale, draft: SaleDraft, tiers: Tiers, kept: Kept
) -> None:
    """The items' windows follow the sale's by the foreign key."""
    _touch(session, sale, **_names_of(draft), ends_at=draft.ends_at)
    for item in draft.items:
        if item.variant_id in kept:
            session.execute(
                update(FlashSaleItem)
                .where(FlashSaleItem.id == kept[item.variant_id].id)
                .values(units=item.units)
                .execution_options(synchronize_session=False)
            )
    added = [item for item in draft.items if item.variant_id not in kept]
    _add_items(session, sale.id, added, tiers, (sale.starts_at, draft.ends_at))


def _names_of(draft: SaleDraft) -> dict[str, str]:
    return {"name_th": draft.name_th.strip(), "name_en": draft.name_en.strip()}


def _touch(session: Session, sale: FlashSale, **values: Any) -> None:
    session.execute(
        update(FlashSale)
        .where(FlashSale.id == sale.id)
        .values(**values, revision=sale.revision + 1)
        .execution_options(synchronize_session=False)
    )


def _facts(session: Session, sale_id: UUID, tiers: Tiers) -> Facts:
    """The sale as the audit keeps it: one flat list of names and values."""
    sale = session.execute(
        select(FlashSale.name_th, FlashSale.name_en, FlashSale.starts_at, FlashSale.ends_at).where(
            FlashSale.id == sale_id
        )
    ).one()
    facts: Facts = {
        "name_th": sale.name_th,
        "name_en": sale.name_en,
        "starts_at": sale.starts_at.isoformat(),
        "ends_at": sale.ends_at.isoformat(),
    }
    for item in find_items(session, sale_id):
        label = tiers[item.variant_id].label
        facts[f"{label}.price_satang"] = item.price.satang
        facts[f"{label}.units"] = item.units
    return facts


def _audit(
    session: Session, sale_id: UUID, action: str, actor_id: UUID, before: Facts, after: Facts
) -> None:
    changes = {
        name: [before.get(name), after.get(name)]
        for name in [*before, *(name for name in after if name not in before)]
        if before.get(name) != after.get(name)
    }
    record_audit(
        session,
        actor_id=actor_id,
        action=action,
        subject=("flash_sale", sale_id),
        detail={"changes": changes},
    )
