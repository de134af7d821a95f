"""The seeded bugs of the till."""

from __future__ import annotations

from dataclasses import dataclass

HISTORIES = "tests/storefront/money/test_histories.py"
RACES = "tests/concurrency/test_money_races.py"
REFUND_RACES = "tests/concurrency/test_refund_races.py"
REFUNDS = "tests/storefront/refunds"
DISPUTES = "tests/storefront/disputes"
CHECKOUT = "tests/storefront/checkout"
WALLET = "tests/storefront/wallet"
RENEWALS = "tests/storefront/renewals"
RENEWAL_RACES = "tests/concurrency/test_renewals.py"


@dataclass(frozen=True)
class Mutation:
    """What stands in a file once, what is to stand there instead, and who must notice."""

    name: str
    path: str
    old: str
    new: str
    tests: tuple[str, ...]


MUTATIONS = (
    Mutation(
        "a payment is read without its lock",
        "storefront/payments/service.py",
        "        .where(Payment.id == payment_id)\n        .with_for_update()\n",
        "        .where(Payment.id == payment_id)\n",
        (REFUND_RACES, RACES),
    ),
    Mutation(
        "an order is read without its lock",
        "storefront/orders/service.py",
        "        .options(selectinload(Order.lines))\n        .with_for_update()\n",
        "        .options(selectinload(Order.lines))\n",
        (REFUND_RACES, RACES, "tests/concurrency/test_settlement.py"),
    ),
    Mutation(
        "a cause is booked again under another reference",
        "storefront/ledger/service.py",
        "            kind=kind,\n            reference=reference,\n",
        '            kind=kind,\n            reference=f"{reference}:{new_id()}"[:100],\n',
        (HISTORIES,),
    ),
    Mutation(
        "a payment that was noted is delivered again",
        "storefront/checkout/settlement.py",
        "if mark_paid(payment, seen, now=means.now):\n",
        "if mark_paid(payment, seen, now=means.now) or True:\n",
        (RACES, f"{CHECKOUT}/test_webhooks.py"),
    ),
    Mutation(
        "what came is not compared with what was asked for",
        "storefront/payments/service.py",
        "    if paid.amount != payment.amount or paid.gateway_payment_id is None:",
        "    if paid.gateway_payment_id is None:",
        (f"{CHECKOUT}/test_webhooks.py",),
    ),
    Mutation(
        "an order that is closed keeps the wallet's part",
        "storefront/checkout/service.py",
        "    release_wallet(session, user_id=order.user_id, order_id=order.id, now=now)\n",
        "",
        (HISTORIES,),
    ),
    Mutation(
        "an order that is closed keeps its use of the code",
        "storefront/checkout/service.py",
        "    release_changes(session, order.id)\n    return_use(session, order.id, now=now)\n",
        "    release_changes(session, order.id)\n",
        (HISTORIES,),
    ),
    Mutation(
        "an order that is closed keeps its stock",
        "storefront/checkout/service.py",
        "    release_stock(session, order.id)\n",
        "",
        (HISTORIES,),
    ),
    Mutation(
        "the wallet's part is not set aside",
        "storefront/checkout/service.py",
        "        if order.wallet_part:\n            hold_wallet(",
        "        if not order.wallet_part:\n            hold_wallet(",
        (f"{CHECKOUT}/test_wallet_part.py",),
    ),
    Mutation(
        "what was held comes back as new money",
        "storefront/wallet/service.py",
        "            Leg(AccountKind.WALLET_BONUS, held.bonus, user_id,"
        " return_of=held.posting_id),\n",
        "            Leg(AccountKind.WALLET_BONUS, held.bonus, user_id),\n",
        (f"{CHECKOUT}/test_wallet_part.py",),
    ),
    Mutation(
        "a debt does not freeze the wallet",
        "storefront/wallet/service.py",
        "    if any(one.kind == AccountKind.DEBT and one.balance_satang for one in accounts):",
        "    if False:",
        (f"{DISPUTES}/test_disputes.py",),
    ),
    Mutation(
        "expired bonus is spent",
        "storefront/ledger/lots.py",
        "        WalletLot.expires_at.is_(None), WalletLot.expires_at > (now or func.now())\n",
        "        WalletLot.expires_at.is_(None), WalletLot.expires_at > WalletLot.created_at\n",
        (f"{WALLET}/test_stateful.py",),
    ),
    Mutation(
        "a lot is booked out once and never again",
        "storefront/wallet/bonus.py",
        '            reference=f"lot:{lot_id}:{times}" if times else f"lot:{lot_id}",\n',
        '            reference=f"lot:{lot_id}",\n',
        (f"{WALLET}/test_bonus.py",),
    ),
    Mutation(
        "a second refund of a top-up takes its bonus from the beginning",
        "storefront/wallet/bonus.py",
        "    result = clawback_topup_bonus(\n        topup=topup.amount,\n"
        "        bonus=topup.bonus,\n"
        "        refunded=refunded_before + refunded,\n",
        "    result = clawback_topup_bonus(\n        topup=topup.amount,\n"
        "        bonus=topup.bonus,\n"
        "        refunded=refunded,\n",
        (f"{REFUNDS}/test_wallet_refunds.py",),
    ),
    Mutation(
        "a failed refund stays counted on its payment",
        "storefront/refunds/undoing.py",
        "    payment.refunded_satang -= refund.amount_satang\n",
        "",
        (HISTORIES,),
    ),
    Mutation(
        "a failed refund stays counted on its lines",
        "storefront/refunds/undoing.py",
        "        lines[part.order_line_id].refunded_satang -= part.amount_satang\n",
        "        lines[part.order_line_id].refunded_satang -= 0\n",
        (HISTORIES,),
    ),
    Mutation(
        "a failed refund wakes what a dispute keeps asleep",
        "storefront/refunds/undoing.py",
        "        keep_taken(session, payment.id, order.id)\n",
        "",
        (f"{DISPUTES}/test_refunds_meet_disputes.py",),
    ),
    Mutation(
        "bonus comes back as paid money",
        "storefront/refunds/rules.py",
        "        parts.append(Part(Destination.WALLET, inward, min(inward, left.bonus), lines))\n",
        "        parts.append(Part(Destination.WALLET, inward, Money(0), lines))\n",
        (f"{REFUNDS}/test_rules.py",),
    ),
    Mutation(
        "more goes through the gateway than is left there",
        "storefront/refunds/rules.py",
        "    through = min(amount, left.gateway) if by is Destination.GATEWAY else Money(0)\n",
        "    through = amount if by is Destination.GATEWAY else Money(0)\n",
        (HISTORIES, f"{REFUNDS}/test_rules.py"),
    ),
    Mutation(
        "bonus that was spent is not kept back",
        "storefront/refunds/flow.py",
        "        amount=refund.paid_out,\n",
        "        amount=refund.amount,\n",
        (HISTORIES, f"{REFUNDS}/test_wallet_refunds.py"),
    ),
    Mutation(
        "a refund that waits is not looked up before it is asked for again",
        "storefront/refunds/flow.py",
        "    seen = _find_sent(shop, refund, payment)\n",
        "    seen = None\n",
        (f"{REFUNDS}/test_unsure_answers.py",),
    ),
    Mutation(
        "a wrong key of ours is taken for the gateway's no",
        "storefront/providers/stripe_gateway.py",
        '            raise GatewayUnavailable("misconfigured") from error\n',
        '            raise GatewayRefused("misconfigured") from error\n',
        (f"{REFUNDS}/test_unsure_answers.py",),
    ),
    Mutation(
        "the code comes after the wallet",
        "storefront/refunds/settlement.py",
        "    _give_code_back(session, order, now=now)\n    issue_paper",
        "    lock_standing(session, refund.user_id)\n    _give_code_back(session, order, now=now)\n"
        "    issue_paper",
        (REFUND_RACES,),
    ),
    Mutation(
        "a refund under way gives the code back",
        "storefront/refunds/settlement.py",
        "    if not has_open_refunds(session, order.id):\n",
        "    if True:\n",
        (f"{REFUNDS}/test_order_refunds.py",),
    ),
    Mutation(
        "a dispute's fee is an income",
        "storefront/disputes/money.py",
        "Leg(AccountKind.FEES, -dispute.fee), Leg(AccountKind.GATEWAY, dispute.fee)",
        "Leg(AccountKind.FEES, dispute.fee), Leg(AccountKind.GATEWAY, -dispute.fee)",
        (HISTORIES,),
    ),
    Mutation(
        "a dispute that is won brings no bonus back",
        "storefront/disputes/money.py",
        "    undo_clawback(session, _reference(dispute), now=now)\n",
        "",
        (f"{DISPUTES}/test_disputes.py",),
    ),
    Mutation(
        "a dispute that is won pays no other debt",
        "storefront/disputes/money.py",
        "        repay_debt(session, payment.user_id, cause=_reference(dispute), now=now)\n",
        "        pass\n",
        (f"{WALLET}/test_debts.py",),
    ),
    Mutation(
        "a lost dispute is no loss",
        "storefront/disputes/service.py",
        "                book_loss(session, case.dispute, case.payment, now=now)\n",
        "                pass\n",
        (HISTORIES, f"{DISPUTES}/test_disputes.py"),
    ),
    Mutation(
        "word of a dispute before its payment is ignored",
        "storefront/checkout/webhooks.py",
        "        payment_id = _ask_whose(shop, hint)\n",
        "        pass\n",
        (f"{CHECKOUT}/test_event_order.py",),
    ),
    Mutation(
        "a code is used by as many as come at once",
        "storefront/promos/service.py",
        "or_(PromoCode.total_limit.is_(None), PromoCode.used < PromoCode.total_limit),\n",
        "or_(PromoCode.total_limit.is_(None), PromoCode.total_limit > 0),\n",
        ("tests/concurrency/test_promos.py",),
    ),
    Mutation(
        "a flash sale sells more units than it has",
        "storefront/catalog/service.py",
        "FlashSaleItem.sold + FlashSaleItem.held + quantity <= FlashSaleItem.units",
        "FlashSaleItem.sold + quantity <= FlashSaleItem.units",
        (RACES,),
    ),
    Mutation(
        "an upgrade does not wait for a refund of what it counts",
        "storefront/renewals/service.py",
        "    _lock_lines_that_paid(session, license_ids)\n",
        "",
        (RENEWAL_RACES,),
    ),
    Mutation(
        "terms are replayed without the licence's lock",
        "storefront/renewals/service.py",
        "        .order_by(License.id)\n        .with_for_update(key_share=True)\n",
        "        .order_by(License.id)\n",
        (RENEWAL_RACES,),
    ),
    Mutation(
        "a disputed renewal counts while the bank has its money",
        "storefront/disputes/service.py",
        "    take_back_order(session, order_id, cause=cause)\n",
        "",
        (f"{RENEWALS}/test_taking_back.py",),
    ),
    Mutation(
        "an upgrade counts what was given back",
        "storefront/renewals/rules.py",
        "    left = paid - refunded\n",
        "    left = paid\n",
        (f"{RENEWALS}/test_rules.py", f"{RENEWALS}/test_buying.py"),
    ),
)
