"""What the accounts of a shop must hold when all its money moved through the till, and what the
gateway must hold of each payment once it has told the shop everything."""

from __future__ import annotations

from sqlalchemy import func, select, text

from storefront.kit.money import Money
from storefront.ledger.lots import is_expired
from storefront.orders.models import Order
from storefront.payments.models import Payment, PaymentState
from storefront.providers.payments import GatewayRefund, RefundStatus, SessionStatus
from storefront.refunds.models import Refund, RefundState
from storefront.refunds.queries import find_order_payment
from tests.support.till import Till

_BALANCES = """(SELECT coalesce(sum(e.amount_satang), 0) FROM ledger_entries e
    JOIN ledger_accounts a ON a.id = e.account_id WHERE a.kind = '{}')"""
_WENT = "r.state IN ('sent', 'succeeded')"
_BOUGHT = """EXISTS (SELECT 1 FROM payments p JOIN ledger_postings l
    ON l.kind = 'purchase' AND l.reference = p.gateway_payment_id WHERE p.id = d.payment_id)"""

# For each shared account what it must hold, worked out from the rows that people see.
ACCOUNTS = {
    "sales": """(SELECT coalesce(sum(total_satang), 0) FROM orders
        WHERE state IN ('completed', 'partially_refunded', 'refunded'))""",
    "refunds": f"""-(SELECT coalesce(sum(amount_satang), 0) FROM refunds r
        WHERE order_id IS NOT NULL AND {_WENT})""",
    "disputes": f"""-(SELECT coalesce(sum(amount_satang), 0) FROM disputes d
        WHERE state = 'open' AND {_BOUGHT})""",
    "losses": f"""-(SELECT coalesce(sum(amount_satang), 0) FROM disputes d
        WHERE state = 'lost' AND {_BOUGHT})""",
    "fees": "-(SELECT coalesce(sum(fee_satang), 0) FROM disputes)",
    "adjustments": """-(SELECT coalesce(sum(amount_satang), 0) FROM wallet_adjustments
        WHERE pot = 'paid')""",
    "bonus_expense": """
        -(SELECT coalesce(sum(bonus_satang), 0) FROM topups WHERE state = 'completed')
        - (SELECT coalesce(sum(amount_satang), 0) FROM wallet_adjustments WHERE pot = 'bonus')
        + (SELECT coalesce(sum(taken_satang), 0) FROM bonus_clawbacks WHERE undone_at IS NULL)
        + (SELECT coalesce(sum(kept_satang), 0) FROM refunds WHERE state <> 'failed')
        + (SELECT coalesce(sum(u.amount_satang), 0) FROM wallet_lot_uses u
            JOIN ledger_postings l ON l.id = u.posting_id WHERE l.kind = 'bonus_expiry')""",
    "gateway": f"""
        -(SELECT coalesce(sum(amount_satang), 0) FROM payments WHERE state = 'succeeded')
        + (SELECT coalesce(sum(amount_satang - kept_satang), 0) FROM refunds r
            WHERE destination = 'gateway' AND {_WENT})
        + (SELECT coalesce(sum(amount_satang), 0) FROM disputes WHERE state IN ('open', 'lost'))
        + (SELECT coalesce(sum(fee_satang), 0) FROM disputes)""",
}
TILL_INVARIANTS = {
    f"the account of {kind} holds what the rows say": (
        f"SELECT 1 WHERE {_BALANCES.format(kind)} <> {worth}"
    )
    for kind, worth in ACCOUNTS.items()
}


def check_settled(till: Till) -> None:
    """Everything was told: the shop's books and the gateway's agree, payment by payment and in
    all, and every refund that was decided was made exactly once."""
    with till.shop.database.reading() as session:
        payments = {str(one.id): one for one in session.scalars(select(Payment))}
        refunds = {str(one.id): one for one in session.scalars(select(Refund))}
        ledger = session.scalar(text(f"SELECT {_BALANCES.format('gateway')}"))
        expired = session.scalar(select(func.count()).where(is_expired(till.now)))
    assert not expired, "bonus whose time is over was booked out"
    foreign = Money(0)
    for attempt in till.bank.attempts:
        payment = payments[attempt.request.payment_id]
        is_paid = attempt.status is SessionStatus.PAID
        assert is_paid == (payment.state == PaymentState.SUCCEEDED), (attempt, payment.state)
        assert attempt.refunded <= attempt.captured
        for strange in (one for one in attempt.refunds if not _is_known(one, refunds)):
            assert strange.refund_id is None
            assert not 0 < _worth(strange).satang <= _room_for(till, payment), (payment, strange)
            foreign = foreign + _worth(strange)
    for refund in refunds.values():
        _check_made_once(refund, [one for a in till.bank.attempts for one in a.refunds])
    assert ledger is not None
    assert -int(ledger) == (till.bank.balance + foreign).satang


def _room_for(till: Till, payment: Payment) -> int:
    """How much of a refund that somebody made at the gateway the books could take in: what is left
    of the order it bought, nothing of what went into a wallet."""
    with till.shop.database.reading() as session:
        bought = find_order_payment(session, payment.subject_id)
        if bought is None or bought.id != payment.id:
            return 0
        order = session.get_one(Order, payment.subject_id)
    return min(payment.refundable, order.total - order.refunded).satang


def _check_made_once(refund: Refund, made: list[GatewayRefund]) -> None:
    if refund.destination != "gateway":
        return
    own = [one for one in made if _is_of(one, refund) and one.status is not RefundStatus.FAILED]
    assert refund.state != RefundState.PENDING, "every refund that was decided is sent"
    expected = [] if refund.state == RefundState.FAILED else [refund.paid_out]
    assert [one.amount for one in own] == expected, (refund.state, own)


def _is_known(seen: GatewayRefund, refunds: dict[str, Refund]) -> bool:
    return any(_is_of(seen, refund) for refund in refunds.values())


def _is_of(seen: GatewayRefund, refund: Refund) -> bool:
    return seen.refund_id == str(refund.id) or seen.gateway_refund_id == refund.gateway_refund_id


def _worth(seen: GatewayRefund) -> Money:
    return Money(0) if seen.status is RefundStatus.FAILED else seen.amount
