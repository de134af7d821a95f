"""Deciding refunds: money is reserved here, under locks, and at once given back where that needs
nobody else. What goes through the gateway is sent by `flow` and settled by `settlement`.

Locks: payment, order, promo code, wallet, like everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from storefront.accounts.service import record_audit
from storefront.disputes.queries import has_open_dispute
from storefront.errors import Conflict, Invalid
from storefront.kit.ids import new_id
from storefront.kit.money import Money
from storefront.ledger.models import AccountKind, PostingKind
from storefront.ledger.service import Leg, post_entries
from storefront.orders.models import Order, OrderAction, OrderState
from storefront.orders.service import apply_action, lock_order
from storefront.outbox import enqueue
from storefront.payments.models import Payment, PaymentPurpose
from storefront.payments.service import lock_payment
from storefront.refunds.consequences import align_licenses
from storefront.refunds.drafts import OrderRefundDraft, WalletRefundDraft, check_reason
from storefront.refunds.models import (
    Destination,
    LicenseRule,
    Refund,
    RefundLine,
    RefundState,
)
from storefront.refunds.queries import (
    find_order_payment,
    find_refundable,
    find_wallet_posting,
)
from storefront.refunds.rules import Part, check_wanted, plan_refund
from storefront.refunds.settlement import finish_wallet_refund
from storefront.renewals.queries import is_built_on
from storefront.wallet.bonus import claw_back_topup_bonus

_REFUNDABLE = (OrderState.COMPLETED, OrderState.PARTIALLY_REFUNDED)


def request_order_refund(
    session: Session, order_id: UUID, draft: OrderRefundDraft, *, actor_id: UUID, now: datetime
) -> Sequence[Refund]:
    """Give back amounts of lines of an order: one refund for what goes into the wallet, booked at
    once, and one for what goes through the gateway, to be sent.

    Never more than was paid: what is on its way back counts as given back, and two callers at once
    queue up behind the payment's and the order's row. Licences of what is given back are revoked
    here, if the draft says so. Idempotent by key: the refunds of an earlier call come back. Raises
    NotFound, Invalid `reason_missing`, `refund_empty`, `refund_line` or `key_reused`, Conflict
    `order_not_paid`, `order_disputed`, `refund_too_large`, or `upgrade_built_on` where a later
    upgrade counts what was paid for this one.
    """
    reason = check_reason(draft.reason)
    payment = _lock_order_payment(session, order_id)
    order = lock_order(session, order_id)
    known = _find_by_key(session, draft.idempotency_key)
    if known:
        if not _is_same(known, order_id, draft):
            raise Invalid("key_reused")
        return known
    # Paid while we came to its lock: the payment's lock comes first, so this call is too early.
    is_just_paid = payment is None and find_order_payment(session, order_id) is not None
    if order.state not in _REFUNDABLE or is_just_paid:
        raise Conflict("order_not_paid", f"order {order_id} is {order.state}")
    if payment is not None and has_open_dispute(session, payment.id):
        raise Conflict("order_disputed")
    refundable = find_refundable(session, order, payment)
    wanted = {line_id: amount for line_id, amount in draft.lines.items() if amount}
    check_wanted(refundable.lines, wanted)
    if draft.licenses is LicenseRule.REVOKE and is_built_on(session, wanted):
        raise Conflict("upgrade_built_on")
    parts = plan_refund(wanted, by=draft.destination, left=refundable.left)
    refunds = [
        _write(session, order, payment, part, draft, reason, actor_id, now) for part in parts
    ]
    reserve(session, order, payment, refunds, now=now, actor=f"user:{actor_id}")
    for refund in refunds:
        _start(session, refund, order, now=now)
    record_audit(
        session,
        actor_id=actor_id,
        action="refund_order",
        subject=("order", order_id),
        detail={
            "reason": reason,
            "licenses": draft.licenses,
            **{f"{refund.destination}_satang": refund.amount_satang for refund in refunds},
        },
    )
    return refunds


def request_wallet_refund(
    session: Session, payment_id: UUID, draft: WalletRefundDraft, *, actor_id: UUID, now: datetime
) -> Refund:
    """Send back through the gateway what a payment put into a wallet: a top-up, or money that came
    for something that was closed. It leaves the wallet here, so nobody spends it meanwhile; of a
    top-up its bonus is taken back in proportion, and what was spent of that is kept.

    Locks the payment, its top-up, then the wallet; idempotent by key. Raises NoResultFound,
    Invalid `reason_missing`, `refund_empty` or `key_reused`, Conflict `payment_not_in_wallet`,
    `order_disputed`, `refund_too_large`, `refund_eaten_by_bonus` or `balance_too_low`.
    """
    reason = check_reason(draft.reason)
    payment = lock_payment(session, payment_id)
    known = _find_by_key(session, draft.idempotency_key)
    if known:
        if known[0].payment_id != payment_id or known[0].amount != draft.amount:
            raise Invalid("key_reused")
        return known[0]
    posting = find_wallet_posting(session, payment)
    if posting is None:
        raise Conflict("payment_not_in_wallet")
    if has_open_dispute(session, payment.id):
        raise Conflict("order_disputed")
    if draft.amount <= Money(0):
        raise Invalid("refund_empty")
    if draft.amount > payment.refundable:
        raise Conflict("refund_too_large", f"{payment.refundable} of {payment_id} is left")
    refund = _take_from_wallet(session, payment, draft, reason, actor_id, now)
    record_audit(
        session,
        actor_id=actor_id,
        action="refund_payment",
        subject=("payment", payment_id),
        detail={
            "reason": reason,
            "amount_satang": refund.amount_satang,
            "kept_satang": refund.kept_satang,
        },
    )
    return refund


def reserve(
    session: Session,
    order: Order,
    payment: Payment | None,
    refunds: Sequence[Refund],
    *,
    actor: str,
    now: datetime,
) -> None:
    """Count these refunds of a locked order as given back, move its state and end what they end.
    The CHECKs on the counters refuse more than was paid, whoever calls (R4)."""
    lines = {line.id: line for line in order.lines}
    for refund in refunds:
        order.refunded_satang += refund.amount_satang
        if refund.payment_id is not None and payment is not None:
            payment.refunded_satang += refund.amount_satang
        for part in refund.lines:
            lines[part.order_line_id].refunded_satang += part.amount_satang
    session.flush()
    is_all = order.refunded_satang == order.total_satang
    action = OrderAction.REFUND_ALL if is_all else OrderAction.REFUND_PART
    apply_action(session, order, action, actor=actor, now=now, reason=refunds[0].reason)
    if refunds[0].licenses == LicenseRule.REVOKE:
        align_licenses(session, order)


def _lock_order_payment(session: Session, order_id: UUID) -> Payment | None:
    found = find_order_payment(session, order_id)
    return None if found is None else lock_payment(session, found.id)


def _find_by_key(session: Session, key: str) -> Sequence[Refund]:
    return session.scalars(
        select(Refund)
        .where(Refund.idempotency_key == key)
        .options(selectinload(Refund.lines))
        .order_by(Refund.id)
    ).all()


def _is_same(known: Sequence[Refund], order_id: UUID, draft: OrderRefundDraft) -> bool:
    """Whether these refunds are what the draft asks for. What goes back by the way it was paid may
    go into the wallet, too; what goes into the wallet goes nowhere else."""
    lines: dict[UUID, Money] = {}
    for refund in known:
        for part in refund.lines:
            lines[part.order_line_id] = lines.get(part.order_line_id, Money(0)) + part.amount
    ways = {refund.destination for refund in known}
    return (
        {refund.order_id for refund in known} == {order_id}
        and {refund.licenses for refund in known} == {draft.licenses}
        and lines == {line_id: amount for line_id, amount in draft.lines.items() if amount}
        and (draft.destination is Destination.GATEWAY or ways == {Destination.WALLET})
    )


def _write(
    session: Session,
    order: Order,
    payment: Payment | None,
    part: Part,
    draft: OrderRefundDraft,
    reason: str,
    actor_id: UUID,
    now: datetime,
) -> Refund:
    is_wallet = part.destination is Destination.WALLET
    refund = Refund(
        id=new_id(),
        order_id=order.id,
        user_id=order.user_id,
        destination=part.destination,
        state=RefundState.SUCCEEDED if is_wallet else RefundState.PENDING,
        amount_satang=part.amount.satang,
        bonus_satang=part.bonus.satang,
        kept_satang=0,
        currency=order.currency,
        licenses=draft.licenses,
        reason=reason,
        actor_id=actor_id,
        idempotency_key=draft.idempotency_key,
        payment_id=None if is_wallet or payment is None else payment.id,
        created_at=now,
        settled_at=now if is_wallet else None,
    )
    refund.lines = [
        RefundLine(order_line_id=line_id, amount_satang=amount.satang)
        for line_id, amount in part.lines.items()
    ]
    session.add(refund)
    session.flush()
    return refund


def _start(session: Session, refund: Refund, order: Order, *, now: datetime) -> None:
    if refund.destination == Destination.WALLET:
        finish_wallet_refund(session, refund, order, now=now)
    else:
        queue_refund(session, refund)


def queue_refund(session: Session, refund: Refund) -> None:
    """Have the refund sent even if nobody lives to do it right after the commit."""
    enqueue(
        session,
        "send_refund",
        {"refund_id": str(refund.id)},
        dedupe_key=f"send_refund:{refund.id}",
    )


def _take_from_wallet(
    session: Session,
    payment: Payment,
    draft: WalletRefundDraft,
    reason: str,
    actor_id: UUID,
    now: datetime,
) -> Refund:
    refund_id = new_id()
    kept = Money(0, payment.currency)
    if payment.purpose == PaymentPurpose.TOPUP:
        kept = claw_back_topup_bonus(
            session,
            payment.subject_id,
            refunded=draft.amount,
            reference=f"refund:{refund_id}",
            now=now,
        ).shortfall
    if kept >= draft.amount:
        raise Conflict("refund_eaten_by_bonus", f"{kept} of bonus were spent")
    refund = Refund(
        id=refund_id,
        user_id=payment.user_id,
        destination=Destination.GATEWAY,
        state=RefundState.PENDING,
        amount_satang=draft.amount.satang,
        kept_satang=kept.satang,
        currency=payment.currency,
        licenses=LicenseRule.KEEP,
        reason=reason,
        actor_id=actor_id,
        idempotency_key=draft.idempotency_key,
        payment_id=payment.id,
        created_at=now,
    )
    session.add(refund)
    payment.refunded_satang += draft.amount.satang
    session.flush()
    post_entries(
        session,
        kind=PostingKind.WALLET_REFUND,
        reference=f"refund:{refund_id}",
        subject_id=payment.subject_id,
        legs=[
            Leg(AccountKind.WALLET_PAID, -draft.amount, payment.user_id),
            Leg(AccountKind.BONUS_EXPENSE, kept),
            Leg(AccountKind.HELD, refund.paid_out),
        ],
        now=now,
    )
    queue_refund(session, refund)
    return refund
