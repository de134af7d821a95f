"""Changes of what top-ups give, by staff: packages, tiers of bonus, limits. Every change is in the
audit; what somebody is paying for right now was frozen when they asked for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from storefront.accounts.service import record_audit
from storefront.errors import Conflict, Invalid, NotFound
from storefront.kit.ids import new_id
from storefront.kit.money import BASIS_POINTS, Money
from storefront.wallet.models import TopUpBonusTier, TopUpLimits, TopUpPackage
from storefront.wallet.offers import find_limits
from storefront.wallet.rules import LARGEST_TOP_UP, LEAST_TOP_UP, Limits, Tier

LONGEST_NAME: Final = 60
MOST_PACKAGES: Final = 12
MOST_TIERS: Final = 8
MOST_DAYS: Final = 3650
LIMITS_ID: Final = UUID(int=1)
_ONE_AT_A_TIME: Final = text("SELECT pg_advisory_xact_lock(7307115)")
_FIELDS: Final = ("name_th", "name_en", "amount_satang", "bonus_satang", "bonus_days", "active")


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageDraft:
    """A package as staff wrote it."""

    name_th: str
    name_en: str
    amount: Money
    bonus: Money
    bonus_days: int | None
    active: bool


class OfferRefused(Invalid):
    """An offer that makes no sense; `field` is where to look."""

    def __init__(self, code: str, field: str) -> None:
        super().__init__(code, f"{code} at {field}")
        self.field = field


def create_package(session: Session, draft: PackageDraft, *, actor_id: UUID) -> UUID:
    """Add a package after the last one; returns its id. Raises OfferRefused, Conflict
    `too_many_packages`."""
    _check_package(draft)
    _lock_offers(session)
    count, last = session.execute(
        select(func.count(), func.coalesce(func.max(TopUpPackage.position), 0))
    ).one()
    if count >= MOST_PACKAGES:
        raise Conflict("too_many_packages")
    package_id = new_id()
    session.add(TopUpPackage(id=package_id, position=last + 1, **_values(draft)))
    session.flush()
    _record(session, "create_topup_package", package_id, {}, _values(draft), actor_id=actor_id)
    return package_id


def change_package(
    session: Session, package_id: UUID, draft: PackageDraft, *, revision: int, actor_id: UUID
) -> None:
    """Change a package; top-ups that are open keep what they were promised. Locks its row.
    Raises NotFound, OfferRefused, Conflict `edited_elsewhere`."""
    _check_package(draft)
    package = _lock_package(session, package_id)
    if package.revision != revision:
        raise Conflict("edited_elsewhere", f"package {package_id} is at {package.revision}")
    before = {name: getattr(package, name) for name in _FIELDS}
    after = _values(draft)
    for name, value in after.items():
        setattr(package, name, value)
    package.revision += 1
    _record(session, "change_topup_package", package_id, before, after, actor_id=actor_id)


def switch_package(session: Session, package_id: UUID, *, active: bool, actor_id: UUID) -> None:
    """Put a package on offer or take it off; idempotent. Raises NotFound."""
    package = _lock_package(session, package_id)
    if package.active == active:
        return
    package.active = active
    package.revision += 1
    _record(
        session,
        "change_topup_package",
        package_id,
        {"active": not active},
        {"active": active},
        actor_id=actor_id,
    )


def move_package(session: Session, package_id: UUID, *, places: int, actor_id: UUID) -> None:
    """Move a package up (negative) or down in the row of all; at the ends it stays. Raises
    NotFound."""
    _lock_offers(session)
    row = list(
        session.scalars(
            select(TopUpPackage.id).order_by(
                TopUpPackage.position, TopUpPackage.amount_satang, TopUpPackage.id
            )
        )
    )
    if package_id not in row:
        raise NotFound("topup_package")
    old = row.index(package_id)
    new = min(max(old + places, 0), len(row) - 1)
    row.insert(new, row.pop(old))
    for position, one in enumerate(row, start=1):
        session.execute(
            update(TopUpPackage)
            .where(TopUpPackage.id == one, TopUpPackage.position != position)
            .values(position=position)
            .execution_options(synchronize_session=False)
        )
    if new != old:
        _record(
            session,
            "move_topup_package",
            package_id,
            {"position": old + 1},
            {"position": new + 1},
            actor_id=actor_id,
        )


def add_tier(session: Session, tier: Tier, *, actor_id: UUID) -> UUID:
    """A further tier of bonus on free amounts; returns its id. Raises OfferRefused, Conflict
    `tier_exists` or `too_many_tiers`."""
    _check_tier(tier)
    _lock_offers(session)
    known = session.scalars(select(TopUpBonusTier.least_satang)).all()
    if tier.least.satang in known:
        raise Conflict("tier_exists")
    if len(known) >= MOST_TIERS:
        raise Conflict("too_many_tiers")
    tier_id = new_id()
    values = {
        "least_satang": tier.least.satang,
        "basis_points": tier.basis_points,
        "max_bonus_satang": tier.most.satang if tier.most else None,
        "bonus_days": tier.days,
    }
    session.add(TopUpBonusTier(id=tier_id, **values))
    session.flush()
    _record(session, "add_bonus_tier", tier_id, {}, values, actor_id=actor_id)
    return tier_id


def remove_tier(session: Session, tier_id: UUID, *, actor_id: UUID) -> None:
    """Take a tier away. Raises NotFound."""
    tier = session.scalar(
        select(TopUpBonusTier).where(TopUpBonusTier.id == tier_id).with_for_update()
    )
    if tier is None:
        raise NotFound("bonus_tier")
    before = {"least_satang": tier.least_satang, "basis_points": tier.basis_points}
    session.delete(tier)
    _record(session, "remove_bonus_tier", tier_id, before, {}, actor_id=actor_id)


def change_limits(session: Session, limits: Limits, *, actor_id: UUID) -> None:
    """The smallest and the largest free amount from now on. Raises OfferRefused."""
    if not LEAST_TOP_UP <= limits.least <= LARGEST_TOP_UP:
        raise OfferRefused("limits_out_of_range", "least")
    if not limits.least <= limits.largest <= LARGEST_TOP_UP:
        raise OfferRefused("limits_out_of_range", "largest")
    _lock_offers(session)
    before = find_limits(session)
    values = {"least_satang": limits.least.satang, "largest_satang": limits.largest.satang}
    session.execute(
        insert(TopUpLimits)
        .values(id=1, **values)
        .on_conflict_do_update(index_elements=["id"], set_=values)
    )
    earlier = {"least_satang": before.least.satang, "largest_satang": before.largest.satang}
    _record(session, "change_topup_limits", LIMITS_ID, earlier, values, actor_id=actor_id)


def _check_package(draft: PackageDraft) -> None:
    for field, name in (("name_th", draft.name_th), ("name_en", draft.name_en)):
        if not name.strip() or len(name.strip()) > LONGEST_NAME:
            raise OfferRefused("offer_name", field)
    if not LEAST_TOP_UP <= draft.amount <= LARGEST_TOP_UP:
        raise OfferRefused("limits_out_of_range", "amount")
    if not Money(0) <= draft.bonus <= draft.amount:
        raise OfferRefused("offer_bonus", "bonus")
    _check_days(draft.bonus_days)


def _check_tier(tier: Tier) -> None:
    if not LEAST_TOP_UP <= tier.least <= LARGEST_TOP_UP:
        raise OfferRefused("limits_out_of_range", "least")
    if not 1 <= tier.basis_points <= BASIS_POINTS:
        raise OfferRefused("offer_percent", "percent")
    if tier.most is not None and tier.most <= Money(0):
        raise OfferRefused("offer_bonus", "most")
    _check_days(tier.days)


def _check_days(days: int | None) -> None:
    if days is not None and not 1 <= days <= MOST_DAYS:
        raise OfferRefused("offer_days", "days")


def _values(draft: PackageDraft) -> dict[str, Any]:
    return {
        "name_th": draft.name_th.strip(),
        "name_en": draft.name_en.strip(),
        "amount_satang": draft.amount.satang,
        "bonus_satang": draft.bonus.satang,
        "bonus_days": draft.bonus_days,
        "active": draft.active,
    }


def _lock_package(session: Session, package_id: UUID) -> TopUpPackage:
    package = session.scalar(
        select(TopUpPackage).where(TopUpPackage.id == package_id).with_for_update()
    )
    if package is None:
        raise NotFound("topup_package")
    return package


def _lock_offers(session: Session) -> None:
    """One change of the row of offers after the other: counts and places are read, then written."""
    session.execute(_ONE_AT_A_TIME)


def _record(
    session: Session,
    action: str,
    subject_id: UUID,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    *,
    actor_id: UUID,
) -> None:
    names: Sequence[str] = [*before, *(name for name in after if name not in before)]
    changes = {
        name: [before.get(name), after.get(name)]
        for name in names
        if before.get(name) != after.get(name)
    }
    record_audit(
        session,
        actor_id=actor_id,
        action=action,
        subject=("topup_offer", subject_id),
        detail={"changes": changes},
    )
