"""What a top-up gives: packages, tiers and limits, as shoppers and staff see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, true
from sqlalchemy.orm import Session

from storefront.errors import Conflict, Invalid, NotFound
from storefront.kit.money import Money
from storefront.wallet.models import TopUpBonusTier, TopUpLimits, TopUpPackage
from storefront.wallet.rules import NO_BONUS, Bonus, Limits, Tier, bonus_on


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for a free amount: its limits, and the tiers of bonus, smallest first."""

    limits: Limits
    tiers: Sequence[Tier]


def list_packages(session: Session) -> Sequence[TopUpPackage]:
    """The packages on offer, in the order staff gave them."""
    return session.scalars(
        select(TopUpPackage)
        .where(TopUpPackage.active)
        .order_by(TopUpPackage.position, TopUpPackage.amount_satang, TopUpPackage.id)
    ).all()


def list_all_packages(session: Session) -> Sequence[TopUpPackage]:
    """Every package, the switched-off ones too."""
    return session.scalars(
        select(TopUpPackage).order_by(
            TopUpPackage.position, TopUpPackage.amount_satang, TopUpPackage.id
        )
    ).all()


def get_package(session: Session, package_id: UUID) -> TopUpPackage:
    """One package. Raises NotFound."""
    package = session.get(TopUpPackage, package_id)
    if package is None:
        raise NotFound("topup_package")
    return package


def list_tier_rows(session: Session) -> Sequence[TopUpBonusTier]:
    """The bonus tiers for free amounts, smallest first."""
    return session.scalars(select(TopUpBonusTier).order_by(TopUpBonusTier.least_satang)).all()


def find_limits(session: Session) -> Limits:
    """How little and how much a free amount may be."""
    row = session.execute(select(TopUpLimits.least_satang, TopUpLimits.largest_satang)).first()
    return Limits() if row is None else Limits(Money(row[0]), Money(row[1]))


def find_terms(session: Session) -> Terms:
    """What holds for free amounts, in one query."""
    rows = session.execute(
        select(TopUpLimits.least_satang, TopUpLimits.largest_satang, TopUpBonusTier)
        .join(TopUpBonusTier, true(), full=True)
        .order_by(TopUpBonusTier.least_satang)
    ).all()
    limits = Limits()
    if rows and rows[0][0] is not None:
        limits = Limits(Money(rows[0][0]), Money(rows[0][1]))
    return Terms(limits, [_tier_of(row[2]) for row in rows if row[2] is not None])


def find_bonus(session: Session, amount: Money, *, package_id: UUID | None = None) -> Bonus:
    """What this top-up would give on top. A package gives its own bonus, a free amount that of
    the tier it reaches.

    Raises Conflict `package_changed` when the package is gone or costs something else by now,
    Invalid `amount_out_of_range` for a free amount outside the limits.
    """
    if package_id is None:
        terms = find_terms(session)
        if not terms.limits.allow(amount):
            raise Invalid("amount_out_of_range")
        return bonus_on(amount, terms.tiers)
    package = session.get(TopUpPackage, package_id)
    if package is None or not package.active or package.amount != amount:
        raise Conflict("package_changed", f"package {package_id} is not offered for that")
    return Bonus(package.bonus, package.bonus_days) if package.bonus_satang else NO_BONUS


def _tier_of(row: TopUpBonusTier) -> Tier:
    return Tier(
        least=row.least,
        basis_points=row.basis_points,
        most=row.most,
        days=row.bonus_days,
    )
