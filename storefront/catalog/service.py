"""Stock: set aside while a payment is open, then taken or released, exactly once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from uuid import UUID

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from storefront.catalog.models import UNLIMITED, HoldState, Product, StockHold, Variant
from storefront.catalog.price_models import FlashSaleItem
from storefront.errors import Conflict


@dataclass(frozen=True, slots=True)
class StockWish:
    """Units of one variant to set aside, and the flash sale item whose price they are sold at. No
    unit at all only lets the price stand still: that is what a renewal needs."""

    product_id: UUID
    variant_id: UUID
    quantity: int
    flash_item_id: UUID | None = None

    @property
    def turn(self) -> tuple[UUID, UUID]:
        """In which turn rows are locked, everywhere: a trigger may lock a variant's product, so
        the variants of one product come together."""
        return (self.product_id, self.variant_id)


def hold_stock(
    session: Session, wishes: Iterable[StockWish], *, order_id: UUID, now: datetime
) -> None:
    """Set units aside for an order, all or none.

    One conditional UPDATE per variant, and one per flash sale item, in one order for everybody:
    of any number of buyers at once only as many succeed as there are units, and two carts with
    the same items cannot deadlock. Raises Conflict `sold_out`, or `total_changed` when a flash
    sale is over or has no units left (S3).
    """
    for wish in sorted(wishes, key=lambda wish: wish.turn):
        _hold_variant(session, wish)
        if wish.flash_item_id is not None:
            _hold_flash_item(session, wish.flash_item_id, wish.quantity, now=now)
        if wish.quantity:
            session.add(
                StockHold(
                    order_id=order_id,
                    variant_id=wish.variant_id,
                    flash_sale_item_id=wish.flash_item_id,
                    quantity=wish.quantity,
                )
            )
    session.flush()


def lock_stock(session: Session, order_id: UUID) -> None:
    """Lock the variants an order holds units of, in the order in which everybody locks: for who has
    to lock something that comes after them before knowing what becomes of the units."""
    held = select(StockHold.variant_id).where(
        StockHold.order_id == order_id, StockHold.state == HoldState.HELD
    )
    session.execute(
        select(Variant.id)
        .where(Variant.id.in_(held))
        .order_by(Variant.product_id, Variant.id)
        .with_for_update()
    ).all()


def take_stock(session: Session, order_id: UUID) -> None:
    """Turn an order's holds into sales. Idempotent: holds that left `held` are not touched. Locks
    in the same order as `hold_stock`."""
    holds = _leave_held(session, order_id, HoldState.TAKEN)
    for product_id, of_product in groupby(holds, key=lambda pair: pair[0]):
        units = 0
        for _, hold in of_product:
            units += hold.quantity
            _count(session, Variant, hold.variant_id, held=-hold.quantity, sold=hold.quantity)
            if hold.flash_sale_item_id is not None:
                _count(
                    session,
                    FlashSaleItem,
                    hold.flash_sale_item_id,
                    held=-hold.quantity,
                    sold=hold.quantity,
                )
        session.execute(
            update(Product)
            .where(Product.id == product_id)
            .values(sold_count=Product.sold_count + units)
            .execution_options(synchronize_session=False)
        )


def release_stock(session: Session, order_id: UUID) -> None:
    """Give an order's holds back to the shelf. Idempotent like `take_stock`."""
    for _, hold in _leave_held(session, order_id, HoldState.RELEASED):
        _count(session, Variant, hold.variant_id, held=-hold.quantity, sold=0)
        if hold.flash_sale_item_id is not None:
            _count(session, FlashSaleItem, hold.flash_sale_item_id, held=-hold.quantity, sold=0)


def _hold_variant(session: Session, wish: StockWish) -> None:
    held = session.scalar(
        update(Variant)
        .where(
            Variant.id == wish.variant_id,
            or_(
                Variant.stock == UNLIMITED,
                Variant.sold + Variant.held + wish.quantity <= Variant.stock,
            ),
        )
        .values(held=Variant.held + wish.quantity)
        .returning(Variant.id)
        .execution_options(synchronize_session=False)
    )
    if held is None:
        raise Conflict("sold_out", f"variant {wish.variant_id} has not enough units left")


def _hold_flash_item(session: Session, item_id: UUID, quantity: int, *, now: datetime) -> None:
    held = session.scalar(
        update(FlashSaleItem)
        .where(
            FlashSaleItem.id == item_id,
            FlashSaleItem.starts_at <= now,
            FlashSaleItem.ends_at > now,
            or_(
                FlashSaleItem.units.is_(None),
                FlashSaleItem.sold + FlashSaleItem.held + quantity <= FlashSaleItem.units,
            ),
        )
        .values(held=FlashSaleItem.held + quantity)
        .returning(FlashSaleItem.id)
        .execution_options(synchronize_session=False)
    )
    if held is None:
        raise Conflict("total_changed", f"flash sale item {item_id} has no units left")


def _count(
    session: Session,
    counted: type[Variant] | type[FlashSaleItem],
    row_id: UUID,
    *,
    held: int,
    sold: int,
) -> None:
    session.execute(
        update(counted)
        .where(counted.id == row_id)
        .values(held=counted.held + held, sold=counted.sold + sold)
        .execution_options(synchronize_session=False)
    )


def _leave_held(session: Session, order_id: UUID, state: HoldState) -> list[tuple[UUID, StockHold]]:
    """The order's holds with their products, in the order in which everybody locks."""
    holds = session.execute(
        select(Variant.product_id, StockHold)
        .join(Variant, Variant.id == StockHold.variant_id)
        .where(StockHold.order_id == order_id, StockHold.state == HoldState.HELD)
        .order_by(Variant.product_id, StockHold.variant_id, StockHold.id)
        .with_for_update(of=StockHold)
    ).all()
    for _, hold in holds:
        hold.state = state
    session.flush()
    return [(product_id, hold) for product_id, hold in holds]
