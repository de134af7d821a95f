"""What becomes of a refund: booked when it is given, taken back when the bank sends it back.
The sending, its webhook and the sweep all end here, in any order and any number of times."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from storefront.errors import Conflict
from storefront.kit.state import Moved
from storefront.ledger.models import AccountKind, PostingKind
from storefront.ledger.service import Leg, post_entries
from storefront.notifications.service import notify, queue_mail
from storefront.orders.announcing import announce_refunded
from storefront.orders.models import Order, OrderState
from storefront.orders.service import lock_order
from storefront.outbox import enqueue
from storefront.payments.models import Payment
from storefront.payments.service import lock_payment
from storefront.promos.service import return_use
from storefront.providers.payments import GatewayRefund, RefundStatus
from storefront.refunds.models import REFUND_MACHINE, Refund, RefundAction, RefundState
from storefront.refunds.papers import issue_paper, void_paper
from storefront.refunds.queries import has_open_refunds
from storefront.refunds.undoing import undo_refund
from storefront.wallet.debts import lock_standing, repay_debt
from storefront.wallet.service import find_spending


def finish_wallet_refund(session: Session, refund: Refund, order: Order, *, now: datetime) -> None:
    """Put the money of a locked order's refund into the wallet, give the code back once all of the
    money is back, write the credit note, and tell the buyer. Locks the code, then the wallet, like
    placing an order does; idempotent by refund (L5)."""
    _give_code_back(session, order, now=now)
    issue_paper(session, refund, order, now=now)
    lock_standing(session, refund.user_id)
    spending = find_spending(session, order.id) if refund.bonus else None
    post_entries(
        session,
        kind=PostingKind.REFUND,
        reference=f"refund:{refund.id}",
        subject_id=order.id,
        legs=[
            Leg(AccountKind.REFUNDS, -refund.amount),
            Leg(
                AccountKind.WALLET_BONUS,
                refund.bonus,
                refund.user_id,
                return_of=spending.posting_id if spending else None,
            ),
            Leg(AccountKind.WALLET_PAID, refund.amount - refund.bonus, refund.user_id),
        ],
        now=now,
    )
    repay_debt(session, refund.user_id, cause=f"refund:{refund.id}", now=now)
    _tell(session, refund, "refund_succeeded", now=now)


def settle_refund(
    session: Session, refund_id: UUID, seen: GatewayRefund, *, now: datetime
) -> RefundState:
    """Bring one refund, its ledger entries, and its order to what the gateway says.

    Locks the payment, its order, then the refund; idempotent. Raises Conflict `refund_mismatch`
    when amount or id are not those of this refund: nothing is booked then.
    """
    payment, order, refund = _lock(session, refund_id)
    if seen.amount != refund.paid_out or refund.gateway_refund_id not in (
        None,
        seen.gateway_refund_id,
    ):
        raise Conflict("refund_mismatch", f"refund {refund.id} came as {seen}")
    refund.gateway_refund_id = seen.gateway_refund_id
    match seen.status:
        case RefundStatus.PENDING:
            if _move(refund, RefundAction.SEND):
                _book(session, refund, payment, now=now)
                _tell(session, refund, "refund_sent", now=now)
        case RefundStatus.SUCCEEDED:
            if _move(refund, RefundAction.SUCCEED):
                refund.settled_at = now
                _book(session, refund, payment, now=now)
                _give_code_back(session, order, now=now)
                issue_paper(session, refund, order, now=now)
                _tell(session, refund, "refund_succeeded", now=now)
        case RefundStatus.FAILED:
            _fail(session, refund, payment, order, failure=seen.failure or "failed", now=now)
    session.flush()
    return RefundState(refund.state)


def fail_refund(session: Session, refund_id: UUID, *, failure: str, now: datetime) -> None:
    """The gateway refused to take this refund: the state before is restored. Locks like
    `settle_refund`; idempotent; one that was sent is left alone."""
    payment, order, refund = _lock(session, refund_id)
    if refund.state == RefundState.PENDING:
        _fail(session, refund, payment, order, failure=failure, now=now)


def _lock(session: Session, refund_id: UUID) -> tuple[Payment, Order | None, Refund]:
    row = session.execute(
        select(Refund.payment_id, Refund.order_id).where(Refund.id == refund_id)
    ).one()
    payment = lock_payment(session, row.payment_id)
    order = lock_order(session, row.order_id) if row.order_id else None
    refund = session.scalars(
        select(Refund)
        .where(Refund.id == refund_id)
        .options(selectinload(Refund.lines))
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    return payment, order, refund


def _move(refund: Refund, action: RefundAction) -> bool:
    outcome = REFUND_MACHINE.next_state(RefundState(refund.state), action)
    if not isinstance(outcome, Moved):
        return False
    refund.state = outcome.state
    return True


def _book(session: Session, refund: Refund, payment: Payment, *, now: datetime) -> None:
    """The gateway has taken it: the money is gone from there. Once per refund (L5)."""
    session.flush()
    source = AccountKind.REFUNDS if refund.order_id else AccountKind.HELD
    post_entries(
        session,
        kind=PostingKind.REFUND,
        reference=f"refund:{refund.id}",
        subject_id=refund.order_id or payment.subject_id,
        legs=[Leg(source, -refund.paid_out), Leg(AccountKind.GATEWAY, refund.paid_out)],
        now=now,
    )


def _give_code_back(session: Session, order: Order | None, *, now: datetime) -> None:
    """Once all of an order's money is with the buyer, its use of a code is free again."""
    if order is None or order.state != OrderState.REFUNDED:
        return
    if not has_open_refunds(session, order.id):
        return_use(session, order.id, now=now)


def _fail(
    session: Session,
    refund: Refund,
    payment: Payment,
    order: Order | None,
    *,
    failure: str,
    now: datetime,
) -> None:
    had_arrived = refund.state == RefundState.SUCCEEDED
    was_booked = had_arrived or refund.state == RefundState.SENT
    if not _move(refund, RefundAction.FAIL):
        return
    refund.failure = failure[:100]
    refund.settled_at = now
    session.flush()
    if had_arrived:
        void_paper(session, refund, now=now)
    undo_refund(session, refund, payment, order, was_booked=was_booked, now=now)
    # One that was made on the gateway's own pages may have found no room until now.
    enqueue(
        session,
        "refresh_refunds",
        {"payment_id": str(payment.id)},
        dedupe_key=f"refresh_refunds:{refund.id}:failed",
    )
    if was_booked:
        _tell(session, refund, "refund_failed", now=now)


def _tell(session: Session, refund: Refund, event: str, *, now: datetime) -> None:
    notify(
        session,
        refund.user_id,
        type="order",
        event=event,
        context={
            "amount_satang": refund.amount_satang - refund.kept_satang,
            "destination": refund.destination,
        },
        path=f"/account/orders/{refund.order_id}" if refund.order_id else "/account/wallet",
        dedupe_key=f"{event}:{refund.id}",
        now=now,
    )
    queue_mail(session, event=event, subject_id=refund.id)
    if event == "refund_succeeded" and refund.order_id is not None:
        announce_refunded(
            session,
            session.get_one(Order, refund.order_id),
            refund_id=refund.id,
            amount=refund.amount,
            destination=refund.destination,
        )
