"""What becomes of bonus: it expires, its owner is told before, and a refund takes it back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import func, literal, select, update
from sqlalchemy.orm import Session

from storefront.errors import Conflict, NotFound
from storefront.kit.money import Money
from storefront.ledger.lots import SPENDING_ORDER, is_expired
from storefront.ledger.models import (
    AccountKind,
    LedgerAccount,
    LedgerPosting,
    PostingKind,
    Pot,
    WalletLot,
    WalletLotUse,
)
from storefront.ledger.service import Leg, post_entries
from storefront.notifications.service import notify
from storefront.wallet.debts import lock_standing
from storefront.wallet.models import BonusClawback, TopUp, TopUpState
from storefront.wallet.rules import NOTICE_BEFORE_EXPIRY, Clawback, clawback_topup_bonus

BATCH: Final = 200


def find_expired_wallets(session: Session, *, now: datetime, limit: int = BATCH) -> Sequence[UUID]:
    """The accounts that hold bonus whose time is over, longest over first."""
    first_end = func.min(WalletLot.expires_at)
    return session.scalars(
        select(WalletLot.account_id)
        .where(is_expired(now), WalletLot.expires_at.is_not(None))
        .group_by(WalletLot.account_id)
        .order_by(first_end)
        .limit(limit)
    ).all()


def expire_bonus(session: Session, account_id: UUID, *, now: datetime) -> Money:
    """Book what has expired in this bonus account out of it, one posting per lot, and return how
    much that was. Locks the account, so a purchase at the same time comes before or after;
    idempotent per lot."""
    account = session.execute(
        select(LedgerAccount.user_id, LedgerAccount.currency)
        .where(LedgerAccount.id == account_id, LedgerAccount.kind == AccountKind.WALLET_BONUS)
        .with_for_update()
    ).one()
    booked = Money(0, account.currency)
    # Read under the lock: an earlier run may have booked them meanwhile.
    for lot_id, satang in session.execute(
        select(WalletLot.id, WalletLot.remaining_satang)
        .where(WalletLot.account_id == account_id, is_expired(now))
        .order_by(*SPENDING_ORDER)
    ).all():
        left = Money(satang, account.currency)
        post_entries(
            session,
            kind=PostingKind.BONUS_EXPIRY,
            reference=f"lot:{lot_id}",
            subject_id=lot_id,
            legs=[
                Leg(AccountKind.WALLET_BONUS, -left, account.user_id, lot_id=lot_id),
                Leg(AccountKind.BONUS_EXPENSE, left),
            ],
            now=now,
        )
        booked = booked + left
    return booked


def warn_of_expiry(session: Session, *, now: datetime, limit: int = BATCH) -> int:
    """Tell the owners of bonus that expires soon, once per lot; returns how many lots. Seven days
    before, or in the second half of a shorter life. Rows that another run holds are skipped."""
    due = (
        select(WalletLot.id)
        .where(
            WalletLot.remaining_satang > 0,
            WalletLot.expires_at > now,
            WalletLot.expires_at <= now + NOTICE_BEFORE_EXPIRY,
            WalletLot.warned_at.is_(None),
            # The second half of its life: what is left of it is no longer than what is over.
            WalletLot.expires_at - now <= literal(now) - WalletLot.created_at,
        )
        .order_by(WalletLot.expires_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = session.execute(
        update(WalletLot)
        .where(WalletLot.id.in_(due.scalar_subquery()), LedgerAccount.id == WalletLot.account_id)
        .values(warned_at=now)
        .returning(
            WalletLot.id,
            WalletLot.remaining_satang,
            WalletLot.expires_at,
            LedgerAccount.user_id,
        )
        .execution_options(synchronize_session=False)
    ).all()
    for row in rows:
        notify(
            session,
            row.user_id,
            type="system",
            event="bonus_expires",
            context={
                "amount_satang": row.remaining_satang,
                "expires_at": row.expires_at.isoformat(),
            },
            path="/account/wallet",
            dedupe_key=f"bonus_expires:{row.id}",
            now=now,
        )
    return len(rows)


def claw_back_topup_bonus(
    session: Session, topup_id: UUID, *, refunded: Money, reference: str, now: datetime
) -> Clawback:
    """Take back the part of a top-up's bonus that belongs to a refund of `refunded`.

    The caller keeps `shortfall` back from what it refunds (see `rules.clawback_topup_bonus`).
    Locks the top-up, then all accounts of its owner; idempotent by `reference`, the refund's.
    Raises NotFound, Conflict `topup_not_credited`, `key_reused` for another refund under that
    reference, and `refund_too_large` beyond what was topped up.
    """
    topup = session.scalar(select(TopUp).where(TopUp.id == topup_id).with_for_update())
    if topup is None:
        raise NotFound("topup")
    if topup.state != TopUpState.COMPLETED:
        raise Conflict("topup_not_credited")
    known = session.scalar(select(BonusClawback).where(BonusClawback.reference == reference))
    if known is not None:
        if (known.topup_id, known.refunded_satang) != (topup.id, refunded.satang):
            raise Conflict("key_reused")
        return Clawback(
            Money(known.taken_satang, topup.currency), Money(known.shortfall_satang, topup.currency)
        )
    refunded_before, kept_back = _earlier(session, topup)
    if not Money(0, topup.currency) < refunded <= topup.amount - refunded_before:
        raise Conflict("refund_too_large", f"{refunded_before} of {topup.amount} is refunded")
    lot_id, left, returned = _bonus_lot(session, topup)
    result = clawback_topup_bonus(
        topup=topup.amount,
        bonus=topup.bonus,
        refunded=refunded_before + refunded,
        left=left,
        returned=returned,
        kept_back=kept_back,
    )
    posting_id = None
    if result.taken:
        posting_id = post_entries(
            session,
            kind=PostingKind.BONUS_CLAWBACK,
            reference=reference,
            subject_id=topup.id,
            legs=[
                Leg(AccountKind.WALLET_BONUS, -result.taken, topup.user_id, lot_id=lot_id),
                Leg(AccountKind.BONUS_EXPENSE, result.taken),
            ],
            now=now,
        )
    session.add(
        BonusClawback(
            topup_id=topup.id,
            reference=reference,
            refunded_satang=refunded.satang,
            taken_satang=result.taken.satang,
            shortfall_satang=result.shortfall.satang,
            posting_id=posting_id,
            created_at=now,
        )
    )
    session.flush()
    return result


def preview_clawback(session: Session, topup_id: UUID, *, refunded: Money) -> Clawback:
    """What `claw_back_topup_bonus` would do now, without doing it: for a page that says so before.
    Takes no lock, so the outcome may differ when something happens in between."""
    topup = session.get_one(TopUp, topup_id)
    refunded_before, kept_back = _earlier(session, topup)
    _lot_id, left, returned = _find_bonus_lot(session, topup)
    return clawback_topup_bonus(
        topup=topup.amount,
        bonus=topup.bonus,
        refunded=refunded_before + refunded,
        left=left,
        returned=returned,
        kept_back=kept_back,
    )


def undo_clawback(session: Session, reference: str, *, now: datetime) -> None:
    """The refund under this reference came to nothing: what it took of the bonus goes back into
    its lot. Locks the clawback, then the bonus account; idempotent; nothing to do when that
    refund took nothing back."""
    clawback = session.scalar(
        select(BonusClawback).where(BonusClawback.reference == reference).with_for_update()
    )
    if clawback is None or clawback.undone_at is not None:
        return
    clawback.undone_at = now
    if clawback.posting_id is None:
        return
    topup = session.get_one(TopUp, clawback.topup_id)
    taken = Money(clawback.taken_satang, topup.currency)
    post_entries(
        session,
        kind=PostingKind.BONUS_RETURN,
        reference=reference,
        subject_id=topup.id,
        legs=[
            Leg(AccountKind.BONUS_EXPENSE, -taken),
            Leg(AccountKind.WALLET_BONUS, taken, topup.user_id, return_of=clawback.posting_id),
        ],
        now=now,
    )


def _earlier(session: Session, topup: TopUp) -> tuple[Money, Money]:
    """What earlier refunds of this top-up gave back, and what they kept back for bonus."""
    row = session.execute(
        select(
            func.coalesce(func.sum(BonusClawback.refunded_satang), 0),
            func.coalesce(func.sum(BonusClawback.shortfall_satang), 0),
        ).where(BonusClawback.topup_id == topup.id, BonusClawback.undone_at.is_(None))
    ).one()
    return Money(int(row[0]), topup.currency), Money(int(row[1]), topup.currency)


def _bonus_lot(session: Session, topup: TopUp) -> tuple[UUID | None, Money, Money]:
    """The lot of this top-up's bonus, what is left of it and what of it came back to the shop,
    read under the locks of its owner's accounts. A top-up without bonus has none."""
    lock_standing(session, topup.user_id)
    return _find_bonus_lot(session, topup)


def _find_bonus_lot(session: Session, topup: TopUp) -> tuple[UUID | None, Money, Money]:
    nothing = Money(0, topup.currency)
    lot = session.execute(
        select(WalletLot.id, WalletLot.remaining_satang)
        .join(LedgerPosting, LedgerPosting.id == WalletLot.posting_id)
        .where(
            LedgerPosting.kind == PostingKind.TOPUP,
            LedgerPosting.subject_id == topup.id,
            WalletLot.pot == Pot.BONUS,
        )
    ).first()
    if lot is None:
        return None, nothing, nothing
    returned = session.scalar(
        select(
            func.coalesce(func.sum(WalletLotUse.amount_satang - WalletLotUse.returned_satang), 0)
        )
        .join(LedgerPosting, LedgerPosting.id == WalletLotUse.posting_id)
        .where(
            WalletLotUse.lot_id == lot.id,
            LedgerPosting.kind.in_((PostingKind.BONUS_EXPIRY, PostingKind.BONUS_CLAWBACK)),
        )
    )
    return (
        lot.id,
        Money(lot.remaining_satang, topup.currency),
        Money(int(returned or 0), topup.currency),
    )
