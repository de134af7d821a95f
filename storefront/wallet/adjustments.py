"""Changes of a wallet by staff: always with a reason, always in the audit, never below zero."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from storefront.accounts.models import User
from storefront.accounts.service import record_audit
from storefront.errors import Conflict, Invalid, NotFound
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
from storefront.ledger.models import AccountKind, PostingKind, Pot
from storefront.ledger.service import Leg, post_entries
from storefront.notifications.service import notify
from storefront.wallet.debts import lock_standing, repay_debt
from storefront.wallet.models import WalletAdjustment

LONGEST_REASON: Final = 300
LARGEST_ADJUSTMENT: Final = baht(100_000)
# From here on the form asks for the amount a second time.
CONFIRMED_FROM: Final = baht(5_000)
LATEST: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class AdjustmentDraft:
    """What staff wrote: a positive amount gives, a negative one takes. `expires_at` is for bonus
    that is given."""

    pot: Pot
    amount: Money
    reason: str
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AdjustmentRow:
    """One adjustment with who made it."""

    id: UUID
    pot: Pot
    amount: Money
    reason: str
    created_at: datetime
    actor_name: str


def adjust_wallet(
    session: Session,
    user_id: UUID,
    draft: AdjustmentDraft,
    *,
    actor_id: UUID,
    idempotency_key: str,
    now: datetime,
) -> UUID:
    """Give to a pot or take from it, and tell its owner. Returns the adjustment's id.

    Locks the person's row, so one form sent twice at once is applied once; idempotent by key.
    Raises NotFound, Invalid `reason_missing`, `adjustment_out_of_range`, `bonus_only_expires`,
    `expiry_past` or `key_reused`, Conflict `pot_too_low` when the pot would fall below zero.
    """
    _check(draft, now)
    # Not a full lock: whoever holds the wallet may still write rows that point at this person.
    # What a guest had is in the wallet of the member they became.
    user = session.scalar(
        select(User.id)
        .where(User.id == user_id, User.merged_into.is_(None))
        .with_for_update(key_share=True)
    )
    if user is None:
        raise NotFound("user")
    known = session.scalar(
        select(WalletAdjustment).where(WalletAdjustment.idempotency_key == idempotency_key)
    )
    if known is not None:
        same = (user_id, draft.pot, draft.amount.satang)
        if (known.user_id, known.pot, known.amount_satang) != same:
            raise Invalid("key_reused")
        return known.id
    adjustment_id = new_id()
    lock_standing(session, user_id)
    posting_id = _book(session, user_id, draft, adjustment_id, idempotency_key, now)
    session.add(
        WalletAdjustment(
            id=adjustment_id,
            user_id=user_id,
            actor_id=actor_id,
            idempotency_key=idempotency_key,
            pot=draft.pot,
            amount_satang=draft.amount.satang,
            reason=draft.reason.strip(),
            posting_id=posting_id,
            created_at=now,
        )
    )
    session.flush()
    _record(session, user_id, draft, actor_id=actor_id)
    if draft.pot is Pot.PAID:
        repay_debt(session, user_id, cause=f"staff:{idempotency_key}", now=now)
    notify(
        session,
        user_id,
        type="system",
        event="wallet_adjusted",
        context={"amount_satang": draft.amount.satang},
        path="/account/wallet",
        dedupe_key=f"wallet_adjusted:{adjustment_id}",
        now=now,
    )
    return adjustment_id


def list_adjustments(
    session: Session, user_id: UUID, *, limit: int = LATEST
) -> Sequence[AdjustmentRow]:
    """The latest changes of this wallet by staff."""
    rows = session.execute(
        select(WalletAdjustment, User.display_name)
        .join(User, User.id == WalletAdjustment.actor_id)
        .where(WalletAdjustment.user_id == user_id)
        .order_by(WalletAdjustment.id.desc())
        .limit(limit)
    )
    return [
        AdjustmentRow(
            id=row.id,
            pot=Pot(row.pot),
            amount=Money(row.amount_satang),
            reason=row.reason,
            created_at=row.created_at,
            actor_name=name,
        )
        for row, name in rows
    ]


def _check(draft: AdjustmentDraft, now: datetime) -> None:
    if not draft.reason.strip() or len(draft.reason.strip()) > LONGEST_REASON:
        raise Invalid("reason_missing")
    if not draft.amount or not -LARGEST_ADJUSTMENT <= draft.amount <= LARGEST_ADJUSTMENT:
        raise Invalid("adjustment_out_of_range")
    if draft.expires_at is None:
        return
    if draft.pot is not Pot.BONUS or draft.amount < Money(0):
        raise Invalid("bonus_only_expires")
    if draft.expires_at <= now:
        raise Invalid("expiry_past")


def _book(
    session: Session,
    user_id: UUID,
    draft: AdjustmentDraft,
    adjustment_id: UUID,
    idempotency_key: str,
    now: datetime,
) -> UUID:
    # What is given as bonus costs the shop like any bonus; paid money goes through adjustments.
    other = AccountKind.ADJUSTMENTS if draft.pot is Pot.PAID else AccountKind.BONUS_EXPENSE
    try:
        posting_id = post_entries(
            session,
            kind=PostingKind.ADJUSTMENT,
            reference=f"staff:{idempotency_key}",
            subject_id=adjustment_id,
            legs=[
                Leg(other, -draft.amount),
                Leg(draft.pot.account, draft.amount, user_id, expires_at=draft.expires_at),
            ],
            now=now,
        )
    except Conflict as conflict:
        raise Conflict("pot_too_low", conflict.message) from conflict
    if posting_id is None:
        # The same key for another person at the same moment: theirs was faster.
        raise Invalid("key_reused")
    return posting_id


def _record(session: Session, user_id: UUID, draft: AdjustmentDraft, *, actor_id: UUID) -> None:
    expires_at = draft.expires_at.isoformat() if draft.expires_at else None
    record_audit(
        session,
        actor_id=actor_id,
        action="adjust_wallet",
        subject=("wallet", user_id),
        detail={
            "pot": draft.pot,
            "amount_satang": draft.amount.satang,
            "reason": draft.reason.strip(),
            **({"expires_at": expires_at} if expires_at else {}),
        },
    )
