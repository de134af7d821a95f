"""Orders to give back in a test, and what became of them."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
from storefront.licenses.models import License
from storefront.orders.models import OrderLine
from storefront.refunds.drafts import OrderRefundDraft
from storefront.refunds.models import Destination, LicenseRule, Refund
from storefront.wallet.queries import Pots, find_pots

TOTAL = baht(420)


def lines_of(shop: Shop, order_id: UUID) -> list[OrderLine]:
    with shop.database.reading() as session:
        return list(
            session.scalars(
                select(OrderLine)
                .where(OrderLine.order_id == order_id)
                .order_by(OrderLine.total_satang.desc())
            )
        )


def draft(
    lines: dict[UUID, Money],
    to: Destination = Destination.GATEWAY,
    *,
    licenses: LicenseRule = LicenseRule.REVOKE,
    key: str | None = None,
    reason: str = "asked for it",
) -> OrderRefundDraft:
    return OrderRefundDraft(
        lines=lines,
        destination=to,
        licenses=licenses,
        reason=reason,
        idempotency_key=key or str(new_id()),
    )


def whole(shop: Shop, order_id: UUID) -> dict[UUID, Money]:
    return {line.id: line.paid for line in lines_of(shop, order_id)}


def refunds_of(shop: Shop, order_id: UUID) -> list[Refund]:
    with shop.database.reading() as session:
        return list(
            session.scalars(select(Refund).where(Refund.order_id == order_id).order_by(Refund.id))
        )


def licenses_of(shop: Shop, line: OrderLine) -> list[str]:
    with shop.database.reading() as session:
        return list(
            session.scalars(
                select(License.status)
                .where(License.order_line_id == line.id)
                .order_by(License.unit)
            )
        )


def pots_of(shop: Shop, user: User) -> Pots:
    with shop.database.reading() as session:
        return find_pots(session, user.id)
