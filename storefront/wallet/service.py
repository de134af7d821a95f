"""Changes to the wallet: top-ups asked for, credited, given up; purchases; credits."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storefront.errors import Invalid, NotFound
from storefront.kit.ids import new_id
from storefront.kit.money import Money
from storefront.ledger.lots import is_spendable
from storefront.ledger.models import AccountKind, LedgerAccount, PostingKind, Pot, WalletLot
from storefront.ledger.service import Leg, post_entries
from storefront.notifications.service import notify, queue_mail
from storefront.wallet.models import TopUp, TopUpState
from storefront.wallet.offers import find_bonus
from storefront.wallet.rules import split_spending


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
) -> bool:
    """Credit a paid top-up and its bonus in one posting, and tell the owner. Locks the top-up
    row; idempotent by the gateway's payment id (L5), so the bonus too is given once per payment
    (L6): False when it was credited before. The days of the bonus count from `now`."""
    topup = session.scalars(select(TopUp).where(TopUp.id == topup_id).with_for_update()).one()
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
        return False
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
    return True


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
) -> bool:
    """Money that came for something that is closed or paid already goes to the wallet, once, with
    a notice and a mail. Idempotent by the gateway's payment id: False when it was credited
    before."""
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
        return False
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
    return True


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
    Raises Conflict `balance_too_low`, and the transaction must be given up then."""
    session.execute(
        select(LedgerAccount.id)
        .where(LedgerAccount.user_id == user_id, LedgerAccount.currency == amount.currency)
        .order_by(LedgerAccount.id)
        .with_for_update()
    ).all()
    bonus_balance = _spendable_bonus(session, user_id, currency=amount.currency, now=now)
    spending = split_spending(amount, bonus_balance=bonus_balance)
    post_entries(
        session,
        kind=PostingKind.PURCHASE,
        reference=f"order:{order_id}",
        subject_id=order_id,
        legs=[
            Leg(AccountKind.WALLET_BONUS, -spending.bonus, user_id),
            Leg(AccountKind.WALLET_PAID, -spending.paid, user_id),
            Leg(AccountKind.SALES, amount),
        ],
        now=now,
    )


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
