"""The ledger entries of a dispute: what the bank took, gave back, or kept, and the fee for it.

All are idempotent by the gateway's id of the dispute (L5); payment and dispute are locked by the
caller, the wallet is locked here.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from storefront.disputes.models import Dispute
from storefront.kit.money import Money
from storefront.ledger.models import AccountKind, PostingKind
from storefront.ledger.service import Leg, post_entries
from storefront.payments.models import Payment, PaymentPurpose
from storefront.wallet.bonus import claw_back_topup_bonus, undo_clawback
from storefront.wallet.debts import lock_standing


def withdraw(
    session: Session, dispute: Dispute, payment: Payment, *, is_order: bool, now: datetime
) -> None:
    """The bank has taken the money. Of an order it waits in the disputes account; out of a wallet
    it is taken as far as the paid pot goes, and the rest is owed."""
    legs = [Leg(AccountKind.DISPUTES, -dispute.amount)]
    if not is_order:
        legs = _take_from_wallet(session, dispute, payment, now=now)
    _post(session, PostingKind.DISPUTE, dispute, payment, legs, dispute.amount, now)


def give_back(
    session: Session, dispute: Dispute, payment: Payment, *, is_order: bool, now: datetime
) -> None:
    """The case is won: the bank gave the money back. What is still owed of it is owed no more, the
    rest is in the wallet again."""
    legs = [Leg(AccountKind.DISPUTES, dispute.amount)]
    if not is_order:
        standing = lock_standing(session, payment.user_id)
        forgiven = min(standing.debt, Money(dispute.debt_satang, dispute.currency))
        legs = [
            Leg(AccountKind.DEBT, forgiven, payment.user_id),
            Leg(AccountKind.WALLET_PAID, dispute.amount - forgiven, payment.user_id),
        ]
    _post(session, PostingKind.DISPUTE_WON, dispute, payment, legs, -dispute.amount, now)
    undo_clawback(session, _reference(dispute), now=now)


def book_loss(session: Session, dispute: Dispute, payment: Payment, *, now: datetime) -> None:
    """The case is lost: what waited in the disputes account is the shop's loss."""
    post_entries(
        session,
        kind=PostingKind.DISPUTE_LOST,
        reference=dispute.gateway_dispute_id,
        subject_id=payment.subject_id,
        legs=[
            Leg(AccountKind.DISPUTES, dispute.amount),
            Leg(AccountKind.LOSSES, -dispute.amount),
        ],
        now=now,
    )


def book_fee(session: Session, dispute: Dispute, payment: Payment, *, now: datetime) -> None:
    """What the gateway charges for the case, won or lost."""
    post_entries(
        session,
        kind=PostingKind.DISPUTE_FEE,
        reference=dispute.gateway_dispute_id,
        subject_id=payment.subject_id,
        legs=[Leg(AccountKind.FEES, -dispute.fee), Leg(AccountKind.GATEWAY, dispute.fee)],
        now=now,
    )


def _take_from_wallet(
    session: Session, dispute: Dispute, payment: Payment, *, now: datetime
) -> list[Leg]:
    # The top-up is locked before the wallet, like everywhere.
    if payment.purpose == PaymentPurpose.TOPUP and dispute.amount <= payment.refundable:
        claw_back_topup_bonus(
            session,
            payment.subject_id,
            refunded=dispute.amount,
            reference=_reference(dispute),
            now=now,
        )
    taken = min(lock_standing(session, payment.user_id).paid, dispute.amount)
    owed = dispute.amount - taken
    dispute.taken_satang, dispute.debt_satang = taken.satang, owed.satang
    session.flush()
    return [
        Leg(AccountKind.WALLET_PAID, -taken, payment.user_id),
        Leg(AccountKind.DEBT, -owed, payment.user_id),
    ]


def _post(
    session: Session,
    kind: PostingKind,
    dispute: Dispute,
    payment: Payment,
    legs: list[Leg],
    from_gateway: Money,
    now: datetime,
) -> None:
    post_entries(
        session,
        kind=kind,
        reference=dispute.gateway_dispute_id,
        subject_id=payment.subject_id,
        legs=[Leg(AccountKind.GATEWAY, from_gateway), *legs],
        now=now,
    )


def _reference(dispute: Dispute) -> str:
    return f"dispute:{dispute.id}"
