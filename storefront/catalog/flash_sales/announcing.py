"""Telling staff that a sale has begun or ended. Prices do not wait for this."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from storefront.accounts.queries import find_staff
from storefront.accounts.rules import Permission
from storefront.catalog.price_models import FlashSale, FlashSaleItem
from storefront.notifications.service import notify

BEGAN: Final = "flash_sale_began"
ENDED: Final = "flash_sale_ended"
# How far back an end is still news, should nothing have run meanwhile.
NEWS_FOR: Final = timedelta(days=2)


def announce_begun(session: Session, *, now: datetime) -> list[UUID]:
    """Mark every begun sale as announced and tell staff of those that still run; returns the ids
    that were marked. One conditional UPDATE, so of two callers at once only one announces."""
    marked = session.execute(
        update(FlashSale)
        .where(FlashSale.announced_at.is_(None), FlashSale.starts_at <= now)
        .values(announced_at=now)
        .returning(FlashSale.id, FlashSale.name_th, FlashSale.name_en, FlashSale.ends_at)
        .execution_options(synchronize_session=False)
    ).all()
    running = [sale for sale in marked if sale.ends_at > now]
    staff = find_staff(session, Permission.MANAGE_CATALOG) if running else []
    for sale in running:
        _tell(session, staff, BEGAN, sale.id, _names(sale), now=now)
    return [sale.id for sale in marked]


def announce_ended(session: Session, *, now: datetime) -> list[UUID]:
    """Tell staff of the sales that ended in the last two days, with the units sold; returns the
    ids it looked at. Idempotent by the notice's key: a member of staff is told once per sale."""
    ended = session.execute(
        select(
            FlashSale.id,
            FlashSale.name_th,
            FlashSale.name_en,
            func.coalesce(func.sum(FlashSaleItem.sold), 0).label("sold"),
        )
        .outerjoin(FlashSaleItem, FlashSaleItem.sale_id == FlashSale.id)
        .where(FlashSale.ends_at <= now, FlashSale.ends_at > now - NEWS_FOR)
        .group_by(FlashSale.id)
        .order_by(FlashSale.ends_at, FlashSale.id)
    ).all()
    staff = find_staff(session, Permission.MANAGE_CATALOG) if ended else []
    for sale in ended:
        context = {**_names(sale), "sold": int(sale.sold)}
        _tell(session, staff, ENDED, sale.id, context, now=now)
    return [sale.id for sale in ended]


def _names(sale: Any) -> dict[str, Any]:
    return {"name_th": sale.name_th, "name_en": sale.name_en}


def _tell(
    session: Session,
    staff: Iterable[UUID],
    event: str,
    sale_id: UUID,
    context: Mapping[str, Any],
    *,
    now: datetime,
) -> None:
    for user_id in staff:
        notify(
            session,
            user_id,
            type="system",
            event=event,
            context=context,
            path=f"/admin/flash-sales/{sale_id}",
            dedupe_key=f"{event}:{sale_id}:{user_id}",
            now=now,
        )
