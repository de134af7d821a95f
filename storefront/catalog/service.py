"""Stock: set aside while a payment is open, then taken or released, exactly once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from storefront.catalog.models import UNLIMITED, HoldState, Product, StockHold, Variant
from storefront.errors import Conflict


def hold_stock(session: Session, quantities: Mapping[UUID, int], *, order_id: UUID) -> None:
    """Set units aside for an order, all or none.

    One conditional UPDATE per variant, in the order of ids: of any number of buyers at once only
    as many succeed as there are units, and two carts with the same items cannot deadlock. Raises
    Conflict `sold_out`.
    """
    for variant_id in sorted(quantities):
        quantity = quantities[variant_id]
        held = session.scalar(
            update(Variant)
            .where(
                Variant.id == variant_id,
                or_(
                    Variant.stock == UNLIMITED,
                    Variant.sold + Variant.held + quantity <= Variant.stock,
                ),
            )
            .values(held=Variant.held + quantity)
            .returning(Variant.id)
            .execution_options(synchronize_session=False)
        )
        if held is None:
            raise Conflict("sold_out", f"variant {variant_id} has not enough units left")
        session.add(StockHold(order_id=order_id, variant_id=variant_id, quantity=quantity))


def take_stock(session: Session, order_id: UUID) -> None:
    """Turn an order's holds into sales. Idempotent: holds that left `held` are not touched.

    All variants first, then the products' figures, each in the order of ids: two carts with
    tiers of the same products cannot deadlock either.
    """
    sold: Counter[UUID] = Counter()
    for hold in _leave_held(session, order_id, HoldState.TAKEN):
        product_id = session.scalars(
            update(Variant)
            .where(Variant.id == hold.variant_id)
            .values(held=Variant.held - hold.quantity, sold=Variant.sold + hold.quantity)
            .returning(Variant.product_id)
            .execution_options(synchronize_session=False)
        ).one()
        sold[product_id] += hold.quantity
    for product_id in sorted(sold):
        session.execute(
            update(Product)
            .where(Product.id == product_id)
            .values(sold_count=Product.sold_count + sold[product_id])
            .execution_options(synchronize_session=False)
        )


def release_stock(session: Session, order_id: UUID) -> None:
    """Give an order's holds back to the shelf. Idempotent like `take_stock`."""
    for hold in _leave_held(session, order_id, HoldState.RELEASED):
        session.execute(
            update(Variant)
            .where(Variant.id == hold.variant_id)
            .values(held=Variant.held - hold.quantity)
            .execution_options(synchronize_session=False)
        )


def _leave_held(session: Session, order_id: UUID, state: HoldState) -> list[StockHold]:
    # Locked in the order of variants, like hold_stock.
    holds = session.scalars(
        select(StockHold)
        .where(StockHold.order_id == order_id, StockHold.state == HoldState.HELD)
        .order_by(StockHold.variant_id)
        .with_for_update()
    ).all()
    for hold in holds:
        hold.state = state
    session.flush()
    return list(holds)
