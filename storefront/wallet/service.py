"""Changes to the wallet: top-ups asked for, credited, given up; purchases; credits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storefront.errors import Conflict, Invalid, NotFound
from storefront.kit.ids import new_id
from storefront.kit.money import Money
from storefront.ledger.lots import is_spendable
from storefront.ledger.models import (
    WALLETS,
    AccountKind,
    LedgerAccount,
    LedgerEntry,
    LedgerPosting,
    PostingKind,
    Pot,
    WalletLot,
)
from storefront.ledger.service import Leg, post_entries
from storefront.notifications.service import notify, queue_mail
from storefront.wallet.debts import lock_standing, repay_debt
from storefront.wallet.models import TopUp, TopUpState
from storefront.wallet.offers import find_bonus
from storefront.wallet.rules import split_spending


@dataclass(frozen=True, slots=True)
class OrderSpending:
    """What one posting took out of the pots for an order."""

    posting_id: UUID
    bonus: Money
    paid: Money


def request_topup(
    session: Session,
    *,
    user_id: UUID,
    amount: Money,
    idempotency_key: str,
    package_id: UUID | None = None,
) -> TopUp:
    """Write down a wished top-up, with the bonus it will give whatever becomes of the offer.
    Idempotent by key: the earlier one comes back.

    Raises Invalid `amount_out_of_range`, or `key_reused` for another amount or package under the
    same key, Conflict `package_changed` for a package that is not offered like that.
    """
    known = session.scalar(
        select(TopUp).where(TopUp.user_id == user_id, TopUp.idempotency_key == idempotency_key)
    )
    if known is not None:
        if known.amount != amount or package_id not in (None, known.package_id):
            raise Invalid("key_reused")
        return known
    bonus = find_bonus(session, amount, package_id=package_id)
    topup = TopUp(
        id=new_id(),
        user_id=user_id,
        idempotency_key=idempotency_key,
        amount_satang=amount.satang,
        currency=amount.currency,
        package_id=package_id,
        bonus_satang=bonus.amount.satang,
        bonus_days=bonus.days,
        state=TopUpState.PENDING,
    )
    session.add(topup)
    session.flush()
    return topup


def get_topup(session: Session, topup_id: UUID, *, user_id: UUID) -> TopUp:
    """One's own top-up. Raises NotFound."""
    topup = session.scalar(select(TopUp).where(TopUp.id == topup_id, TopUp.user_id == user_id))
    if topup is None:
        raise NotFound("topup")
    return topup


def credit_topup(
    session: Session, topup_id: UUID, *, gateway_payment_id: str, now: datetime
) -> None:
    """Credit a paid top-up and its bonus in one posting, pay what its owner owes, and tell them.
    Locks the top-up row, then the person's accounts; idempotent by the gateway's payment id (L5),
    so the bonus too is given once per payment (L6). The days of the bonus count from `now`."""
    topup = session.scalars(select(TopUp).where(TopUp.id == topup_id).with_for_update()).one()
    lock_standing(session, topup.user_id)
    # A second payment for the same top-up brings its money, but no second bonus.
    bonus = topup.bonus if topup.state != TopUpState.COMPLETED else Money(0, topup.currency)
    ends = topup.bonus_days is not None and bool(bonus)
    expires_at = now + timedelta(days=topup.bonus_days or 0) if ends else None
    posted = post_entries(
        session,
        kind=PostingKind.TOPUP,
        reference=gateway_payment_id,
        subject_id=topup.id,
        legs=[
            Leg(AccountKind.GATEWAY, -topup.amount),
            Leg(AccountKind.WALLET_PAID, topup.amount, topup.user_id),
            Leg(AccountKind.BONUS_EXPENSE, -bonus),
            Leg(AccountKind.WALLET_BONUS, bonus, topup.user_id, expires_at=expires_at),
        ],
        now=now,
    )
    if posted is None:
        return
    repay_debt(session, topup.user_id, cause=f"payment:{gateway_payment_id}", now=now)
    topup.state = TopUpState.COMPLETED
    topup.completed_at = now
    notify(
        session,
        topup.user_id,
        type="order",
        event="topup_completed",
        context={"amount_satang": topup.amount_satang, "bonus_satang": bonus.satang},
        path="/account/wallet",
        dedupe_key=f"topup_completed:{topup.id}",
        now=now,
    )
    queue_mail(session, event="topup_completed", subject_id=topup.id)


def close_topup(session: Session, topup_id: UUID, *, state: TopUpState) -> None:
    """Give a pending top-up up as failed or expired; a completed one is left alone. Locks it."""
    topup = session.scalars(select(TopUp).where(TopUp.id == topup_id).with_for_update()).one()
    if topup.state == TopUpState.PENDING:
        topup.state = state


def credit_stray_payment(
    session: Session,
    *,
    user_id: UUID,
    amount: Money,
    payment_id: UUID,
    gateway_payment_id: str,
    subject_id: UUID,
    reference: str,
    now: datetime,
) -> None:
    """Money that came for something that is closed or paid already goes to the wallet, once, with
    a notice and a mail. Idempotent by the gateway's payment id."""
    lock_standing(session, user_id)
    posted = post_entries(
        session,
        kind=PostingKind.WALLET_CREDIT,
        reference=gateway_payment_id,
        subject_id=subject_id,
        legs=[
            Leg(AccountKind.GATEWAY, -amount),
            Leg(AccountKind.WALLET_PAID, amount, user_id),
        ],
        now=now,
    )
    if posted is None:
        return
    repay_debt(session, user_id, cause=f"payment:{gateway_payment_id}", now=now)
    notify(
        session,
        user_id,
        type="order",
        event="payment_credited",
        context={"amount_satang": amount.satang, "reference": reference},
        path="/account/wallet",
        dedupe_key=f"payment_credited:{gateway_payment_id}",
        now=now,
    )
    queue_mail(session, event="payment_credited", subject_id=payment_id)


def pay_from_wallet(
    session: Session,
    *,
    user_id: UUID,
    amount: Money,
    order_id: UUID,
    now: datetime | None = None,
) -> None:
    """Book a purchase out of the wallet, bonus first. Locks the wallet's accounts; idempotent by
    order. What has expired at `now`, or at the database's time, is not spent, booked out or not.
    Raises Conflict `balance_too_low` or, while the person owes the shop, `wallet_frozen`, and the
    transaction must be given up then."""
    _spend(session, PostingKind.PURCHASE, AccountKind.SALES, user_id, amount, order_id, now=now)


def hold_wallet(
    session: Session, *, user_id: UUID, amount: Money, order_id: UUID, now: datetime
) -> None:
    """Set money aside for an order whose rest is paid through the gateway. Locks, order of
    spending and refusals are those of `pay_from_wallet`; idempotent by order."""
    _spend(session, PostingKind.WALLET_HOLD, AccountKind.HELD, user_id, amount, order_id, now=now)


def release_wallet(session: Session, *, user_id: UUID, order_id: UUID, now: datetime) -> None:
    """Put what was held for a closed order back into the very lots it came from. Locks the
    wallet's accounts; idempotent by order; nothing to do when nothing was held."""
    held = find_spending(session, order_id)
    if held is None:
        return
    post_entries(
        session,
        kind=PostingKind.WALLET_RELEASE,
        reference=f"order:{order_id}",
        subject_id=order_id,
        legs=[
            Leg(AccountKind.HELD, -(held.bonus + held.paid)),
            Leg(AccountKind.WALLET_BONUS, held.bonus, user_id, return_of=held.posting_id),
            Leg(AccountKind.WALLET_PAID, held.paid, user_id, return_of=held.posting_id),
        ],
        now=now,
    )


def find_spending(session: Session, order_id: UUID) -> OrderSpending | None:
    """What the wallet paid or holds for an order, pot by pot; None when it has no part in it."""
    rows = session.execute(
        select(LedgerPosting.id, LedgerAccount.kind, LedgerEntry.amount_satang)
        .join(LedgerEntry, LedgerEntry.posting_id == LedgerPosting.id)
        .join(LedgerAccount, LedgerAccount.id == LedgerEntry.account_id)
        .where(
            LedgerPosting.reference == f"order:{order_id}",
            LedgerPosting.kind.in_((PostingKind.PURCHASE, PostingKind.WALLET_HOLD)),
            LedgerAccount.kind.in_(WALLETS),
        )
    ).all()
    if not rows:
        return None
    taken = {row.kind: Money(-row.amount_satang) for row in rows}
    return OrderSpending(
        posting_id=rows[0].id,
        bonus=taken.get(AccountKind.WALLET_BONUS, Money(0)),
        paid=taken.get(AccountKind.WALLET_PAID, Money(0)),
    )


def _spend(
    session: Session,
    kind: PostingKind,
    towards: AccountKind,
    user_id: UUID,
    amount: Money,
    order_id: UUID,
    *,
    now: datetime | None,
) -> None:
    _lock_for_spending(session, user_id, currency=amount.currency)
    bonus_balance = _spendable_bonus(session, user_id, currency=amount.currency, now=now)
    spending = split_spending(amount, bonus_balance=bonus_balance)
    post_entries(
        session,
        kind=kind,
        reference=f"order:{order_id}",
        subject_id=order_id,
        legs=[
            Leg(AccountKind.WALLET_BONUS, -spending.bonus, user_id),
            Leg(AccountKind.WALLET_PAID, -spending.paid, user_id),
            Leg(towards, amount),
        ],
        now=now,
    )


def _lock_for_spending(session: Session, user_id: UUID, *, currency: str) -> None:
    accounts = session.execute(
        select(LedgerAccount.kind, LedgerAccount.balance_satang)
        .where(LedgerAccount.user_id == user_id, LedgerAccount.currency == currency)
        .order_by(LedgerAccount.id)
        .with_for_update()
    ).all()
    if any(one.kind == AccountKind.DEBT and one.balance_satang for one in accounts):
        raise Conflict("wallet_frozen", f"user {user_id} owes the shop")


def _spendable_bonus(
    session: Session, user_id: UUID, *, currency: str, now: datetime | None
) -> Money:
    # Read after the lock was taken: nobody moves these lots until the purchase is booked.
    left = session.scalar(
        select(func.sum(WalletLot.remaining_satang))
        .join(LedgerAccount, LedgerAccount.id == WalletLot.account_id)
        .where(
            LedgerAccount.user_id == user_id,
            LedgerAccount.currency == currency,
            WalletLot.pot == Pot.BONUS,
            is_spendable(now),
        )
    )
    return Money(int(left or 0), currency)
