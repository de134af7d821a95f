"""What a gateway's word about a payment means for the shop. Redirect, webhook and sweep all end
here, in any order and any number of times."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from storefront.catalog.service import lock_stock
from storefront.checkout.service import close_order, complete_order
from storefront.errors import Conflict
from storefront.ledger.models import AccountKind, PostingKind
from storefront.ledger.service import Leg, post_entries
from storefront.licenses.keys import KeyVault
from storefront.orders.models import Order, OrderAction, OrderState
from storefront.orders.service import apply_action, lock_order
from storefront.payments.models import Payment, PaymentAction, PaymentPurpose
from storefront.payments.service import apply_payment_action, lock_payment, mark_opened, mark_paid
from storefront.providers.payments import GatewaySession, SessionStatus
from storefront.receipts.service import issue_advance_receipt
from storefront.renewals.service import can_apply
from storefront.wallet.models import TopUpState
from storefront.wallet.service import close_topup, credit_stray_payment, credit_topup

GATEWAY_ACTOR = "gateway"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settling:
    """What a settlement needs besides the gateway's word."""

    vault: KeyVault
    now: datetime
    live_mode: bool


def settle(
    session: Session,
    payment_id: UUID,
    seen: GatewaySession,
    *,
    means: Settling,
    closing: OrderAction = OrderAction.EXPIRE,
) -> None:
    """Bring payment, order or top-up, ledger, stock and keys to what the gateway says.

    Locks the payment first, then its subject, so callers at once queue up and all but one find it
    done. `closing` is what becomes of an order whose page was closed: expired, or cancelled by
    its buyer. Raises Conflict `payment_mismatch` when amount, currency or live mode are wrong, or
    the session was opened for another payment (R3): nothing is booked then and staff must look.
    """
    payment = lock_payment(session, payment_id)
    if seen.payment_id != str(payment.id):
        raise Conflict("payment_mismatch", f"session {seen.session_id} is of another payment")
    if seen.live_mode != means.live_mode:
        raise Conflict("payment_mismatch", "live mode differs")
    match seen.status:
        case SessionStatus.OPEN:
            mark_opened(payment, seen)
        case SessionStatus.PROCESSING:
            _wait(session, payment, means)
        case SessionStatus.PAID:
            if mark_paid(payment, seen, now=means.now):
                _deliver(session, payment, means)
        case SessionStatus.FAILED:
            if apply_payment_action(payment, PaymentAction.FAIL):
                _fail(session, payment, means.now)
        case SessionStatus.EXPIRED:
            if apply_payment_action(payment, PaymentAction.EXPIRE):
                _close(session, payment, means.now, closing)


def give_up(session: Session, payment_id: UUID, *, now: datetime) -> None:
    """Close a payment that never got a page at the gateway, and what it was for. Locks like
    `settle`; idempotent."""
    payment = lock_payment(session, payment_id)
    if payment.gateway_session_id is None and apply_payment_action(payment, PaymentAction.EXPIRE):
        _close(session, payment, now, OrderAction.EXPIRE)


def fail_attempt(session: Session, payment_id: UUID, *, now: datetime) -> None:
    """The gateway refused to open a page: this attempt is over, an order may be tried again.
    Locks like `settle`; idempotent."""
    payment = lock_payment(session, payment_id)
    if apply_payment_action(payment, PaymentAction.FAIL):
        _fail(session, payment, now)


def _wait(session: Session, payment: Payment, means: Settling) -> None:
    moved = apply_payment_action(payment, PaymentAction.PROCESS)
    if moved and payment.purpose == PaymentPurpose.ORDER:
        order = lock_order(session, payment.subject_id)
        if order.state == OrderState.PENDING:
            apply_action(
                session, order, OrderAction.CONFIRM_PAYMENT, actor=GATEWAY_ACTOR, now=means.now
            )


def _deliver(session: Session, payment: Payment, means: Settling) -> None:
    gateway_payment_id = payment.gateway_payment_id
    assert gateway_payment_id is not None  # noqa: S101 - mark_paid and a CHECK see to it
    if payment.purpose == PaymentPurpose.TOPUP:
        if credit_topup(
            session, payment.subject_id, gateway_payment_id=gateway_payment_id, now=means.now
        ):
            issue_advance_receipt(session, payment, now=means.now)
        return
    order = lock_order(session, payment.subject_id)
    is_open = order.state in (OrderState.PENDING, OrderState.PROCESSING)
    if not is_open or not _can_deliver(session, order):
        _give_order_up(session, order, means)
        _keep_for_buyer(session, order, payment, gateway_payment_id, now=means.now)
        return
    post_entries(
        session,
        kind=PostingKind.PURCHASE,
        reference=gateway_payment_id,
        subject_id=order.id,
        legs=[
            Leg(AccountKind.GATEWAY, -payment.amount),
            Leg(AccountKind.HELD, -order.wallet_part),
            Leg(AccountKind.SALES, order.total),
        ],
        now=means.now,
    )
    complete_order(session, order, actor=GATEWAY_ACTOR, vault=means.vault, now=means.now)


def _can_deliver(session: Session, order: Order) -> bool:
    """Whether the keys are still there that an order is about."""
    if all(line.is_new for line in order.lines):
        return True
    lock_stock(session, order.id)
    return can_apply(session, order)


def _give_order_up(session: Session, order: Order, means: Settling) -> None:
    """A key that was to be renewed was revoked while its order was open: nothing of it can be
    delivered. An order that is closed already is left alone."""
    if order.state == OrderState.PROCESSING:
        apply_action(session, order, OrderAction.FAIL_PAYMENT, actor=GATEWAY_ACTOR, now=means.now)
    close_order(session, order.id, OrderAction.EXPIRE, actor=GATEWAY_ACTOR, now=means.now)


def _keep_for_buyer(
    session: Session,
    order: Order,
    payment: Payment,
    gateway_payment_id: str,
    *,
    now: datetime,
) -> None:
    # Closed, paid already, or its key is gone: what it was for may be gone, so the money becomes
    # wallet credit.
    if credit_stray_payment(
        session,
        user_id=payment.user_id,
        amount=payment.amount,
        payment_id=payment.id,
        gateway_payment_id=gateway_payment_id,
        subject_id=order.id,
        reference=order.reference,
        now=now,
    ):
        issue_advance_receipt(session, payment, now=now)


def _fail(session: Session, payment: Payment, now: datetime) -> None:
    if payment.purpose == PaymentPurpose.TOPUP:
        close_topup(session, payment.subject_id, state=TopUpState.FAILED)
        return
    order = lock_order(session, payment.subject_id)
    if order.state == OrderState.PROCESSING:
        # Back to pending: the buyer may try again until the order expires.
        apply_action(session, order, OrderAction.FAIL_PAYMENT, actor=GATEWAY_ACTOR, now=now)


def _close(session: Session, payment: Payment, now: datetime, closing: OrderAction) -> None:
    if payment.purpose == PaymentPurpose.TOPUP:
        close_topup(session, payment.subject_id, state=TopUpState.EXPIRED)
        return
    buyer = f"user:{payment.user_id}"
    actor = buyer if closing is OrderAction.CANCEL else GATEWAY_ACTOR
    close_order(session, payment.subject_id, closing, actor=actor, now=now)
