"""Uses of promo codes: reserved when a payment opens, then taken or given back, exactly once."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from storefront.kit.ids import new_id
from storefront.kit.money import Money
from storefront.kit.state import Moved
from storefront.promos.models import USE_MACHINE, PromoCode, PromoUse, UseAction, UseState
from storefront.promos.queries import count_customer_uses
from storefront.promos.rules import Promo, PromoRefused, Refusal


def reserve_use(
    session: Session,
    promo: Promo,
    *,
    order_id: UUID,
    user_id: UUID,
    customer_email: str | None,
    discount: Money,
    now: datetime,
) -> None:
    """Set one use aside for an order.

    A conditional update of the code's row: of any number of buyers at once only as many pass as
    the limit has left, and all uses of one code queue up behind it, so the customer's own limit
    is counted truly as well. Raises PromoRefused `promo_used_up`, `promo_used_by_you` or, when
    staff switched it off meanwhile, `promo_inactive`.
    """
    counted = session.scalar(
        update(PromoCode)
        .where(
            PromoCode.id == promo.id,
            PromoCode.active,
            or_(PromoCode.total_limit.is_(None), PromoCode.used < PromoCode.total_limit),
        )
        .values(used=PromoCode.used + 1)
        .returning(PromoCode.id)
        .execution_options(synchronize_session=False)
    )
    if counted is None:
        raise PromoRefused(_why_not(session, promo.id))
    if promo.per_customer_limit is not None:
        uses = count_customer_uses(
            session, promo.id, user_id=user_id, customer_email=customer_email
        )
        if uses >= promo.per_customer_limit:
            raise PromoRefused(Refusal.USED_BY_YOU)
    session.add(
        PromoUse(
            id=new_id(),
            promo_id=promo.id,
            order_id=order_id,
            user_id=user_id,
            customer_email=customer_email,
            discount_satang=discount.satang,
            created_at=now,
        )
    )
    session.flush()


def take_use(session: Session, order_id: UUID, *, now: datetime) -> None:
    """The order is paid: its use counts for good. Idempotent; nothing to do without a code."""
    _settle(session, order_id, UseAction.TAKE, now=now)


def return_use(session: Session, order_id: UUID, *, now: datetime) -> None:
    """The order was closed or refunded: its use is free again, once (P3). Idempotent."""
    if _settle(session, order_id, UseAction.RETURN, now=now):
        promo_id = select(PromoUse.promo_id).where(PromoUse.order_id == order_id).scalar_subquery()
        session.execute(
            update(PromoCode)
            .where(PromoCode.id == promo_id)
            .values(used=PromoCode.used - 1)
            .execution_options(synchronize_session=False)
        )


def _settle(session: Session, order_id: UUID, action: UseAction, *, now: datetime) -> bool:
    use = session.scalar(
        select(PromoUse)
        .where(PromoUse.order_id == order_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if use is None:
        return False
    outcome = USE_MACHINE.next_state(UseState(use.state), action)
    if not isinstance(outcome, Moved):
        return False
    use.state = outcome.state
    use.settled_at = now
    session.flush()
    return True


def _why_not(session: Session, promo_id: UUID) -> Refusal:
    active = session.scalar(select(PromoCode.active).where(PromoCode.id == promo_id))
    return Refusal.USED_UP if active else Refusal.INACTIVE
