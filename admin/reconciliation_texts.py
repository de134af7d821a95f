"""The sentences of each check: what it means that it found something, what likely happened, and
what to do next. Nothing is ever mended by itself: the books are the proof of what happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString


@dataclass(frozen=True, slots=True)
class CheckText:
    """What staff read about a difference, in the language they read it in."""

    title: LazyString
    meaning: LazyString
    likely: LazyString
    todo: LazyString


_TAMPERED: Final = _(
    "The shop cannot book this: the database refuses it. Somebody changed the tables by hand, or"
    " a backup was restored only in part."
)
_CALL_FOR_HELP: Final = _(
    "Change nothing. Note what was done to the database lately, compare with the latest backup,"
    " and let whoever looks after the shop's programs see this page."
)
_LATE_NEWS: Final = _(
    "A webhook got lost or the shop was down when it came. Or somebody did this in Stripe's own"
    " dashboard, past the shop."
)

UNKNOWN: Final = CheckText(
    _("Something differs"),
    _("A newer version of the shop found this and knows more about it."),
    _("This page is shown by an older process than the one that compared."),
    _("Load the page again once every process runs the same version."),
)

CHECKS: Final[Mapping[str, CheckText]] = {
    "posting_unbalanced": CheckText(
        _("A posting does not add up to zero"),
        _("Money appeared in the ledger, or vanished from it, without coming from anywhere."),
        _TAMPERED,
        _CALL_FOR_HELP,
    ),
    "ledger_unbalanced": CheckText(
        _("The ledger as a whole does not add up to zero"),
        _("All debits and credits of one currency together have to be zero."),
        _TAMPERED,
        _("Mend the postings that do not add up: they are listed too. This goes with them."),
    ),
    "wallet_balance": CheckText(
        _("A wallet shows another balance than was booked"),
        _(
            "The balance a customer sees is a copy of the sum of all bookings, and the copy is"
            " wrong. The bookings are the truth."
        ),
        _TAMPERED,
        _CALL_FOR_HELP,
    ),
    "wallet_lots": CheckText(
        _("The lots of a wallet do not add up to its balance"),
        _("What can be spent, with its last days, is not what the wallet holds."),
        _TAMPERED,
        _CALL_FOR_HELP,
    ),
    "order_unbooked": CheckText(
        _("A paid order is not in the books"),
        _("The order counts as paid and delivered, but no sale was booked for it."),
        _("The state of the order was changed in the database by hand."),
        _(
            "Look whether money came: open the order and its payment. If none came, withdraw the"
            " licences; if it came, the sale has to be booked."
        ),
    ),
    "order_booked_twice": CheckText(
        _("An order was booked twice"),
        _("Two sales are booked for one order, so revenue is too high by one of them."),
        _("The buyer paid twice and the second payment was booked as a sale, not as credit."),
        _(
            "Find the second payment and give it back, or put it into the buyer's wallet. Then"
            " let the second booking be reversed."
        ),
    ),
    "order_amount": CheckText(
        _("An order was booked with another total"),
        _("What was booked as a sale is not what the order says it cost."),
        _("Prices are frozen with the order: one of the two was changed afterwards."),
        _("Compare the receipt the buyer got, the payment and the order; the receipt counts."),
    ),
    "order_not_paid": CheckText(
        _("A sale is booked for an order that is not paid"),
        _("The order is open, cancelled or expired, and yet revenue is booked for it."),
        _("The state of the order was changed in the database by hand after it was paid."),
        _("Open the order: if the buyer paid, it has to be completed or the money given back."),
    ),
    "purchase_without_order": CheckText(
        _("A sale is booked for an order that does not exist"),
        _("Nobody can say what was sold."),
        _TAMPERED,
        _CALL_FOR_HELP,
    ),
    "held_amount": CheckText(
        _("Held money belongs to nothing that is open"),
        _(
            "The part of an order that its buyer's wallet pays, and wallet money on its way back"
            " to a bank, is held in between. Here it is held for something finished, or not held"
            " for something open."
        ),
        _("An order or a refund ended and what was held for it was not released."),
        _("Open the order or refund. If the buyer's wallet lacks the amount, adjust it there."),
    ),
    "order_refunded": CheckText(
        _("An order counts its refunds wrongly"),
        _(
            "Each order counts what was given back of it, so that never more is given back than"
            " was paid. The count is not the sum of its refunds."
        ),
        _TAMPERED,
        _("Give nothing more back of this order until the count is mended."),
    ),
    "line_refunded": CheckText(
        _("A line of an order counts its refunds wrongly"),
        _("The count of what was given back of this line is not the sum of its refunds."),
        _TAMPERED,
        _("Give nothing more back of this order until the count is mended."),
    ),
    "payment_refunded": CheckText(
        _("A payment counts its refunds wrongly"),
        _("The count of what was sent back of this payment is not the sum of its refunds."),
        _TAMPERED,
        _("Send nothing more back of this payment until the count is mended."),
    ),
    "refund_booking": CheckText(
        _("A refund and its booking do not match"),
        _("A refund that happened is not booked, or one that did not happen is."),
        _("A worker was stopped between the answer of Stripe and the booking."),
        _("Look at the refund in Stripe. What Stripe says counts; the next sweep may mend it."),
    ),
    "payment_unbooked": CheckText(
        _("Money came and belongs to nobody"),
        _("A payment succeeded more than ten minutes ago and is booked for no order or top-up."),
        _("The state of the payment was changed in the database by hand."),
        _("Open the payment: deliver what was paid for, or put the money into the wallet."),
    ),
    "payment_booked_twice": CheckText(
        _("A payment was booked twice"),
        _("One payment gave somebody its worth twice, so the shop believes in money it never got."),
        _("Two parts of the shop took the same payment for theirs."),
        _("Find out what was given twice, and take one back: wallet credit or order."),
    ),
    "payment_amount": CheckText(
        _("A payment was booked with another amount"),
        _("What was booked is not what the buyer was asked for."),
        _TAMPERED,
        _("Compare with Stripe: the amount there is what came."),
    ),
    "booking_without_payment": CheckText(
        _("Money is booked that no payment brought"),
        _("A booking says that money came through Stripe, and the shop knows no such payment."),
        _TAMPERED,
        _("Look the number up in Stripe. If it is not there either, the booking is wrong."),
    ),
    "payment_given_back": CheckText(
        _("What was given back of a payment is not what its refunds and disputes say"),
        _(
            "Of each payment the shop keeps what was captured, less refunds and lost or open"
            " disputes. The ledger says otherwise."
        ),
        _("A refund or a dispute changed its state and its booking is missing."),
        _("Open the payment and compare its refunds and disputes with those in Stripe."),
    ),
    "charge_unknown": CheckText(
        _("Stripe has a payment that is not in our books"),
        _("Somebody paid, and the shop gave nothing for it: no order, no credit."),
        _LATE_NEWS,
        _(
            "If a payment of ours is named here, open it: the shop asks Stripe every minute while"
            " it is open, and can be told to ask again. If none is, look in Stripe who paid, and"
            " give the money back there or put it into their wallet."
        ),
    ),
    "charge_missing": CheckText(
        _("Our books have a payment that Stripe does not have"),
        _("The shop delivered for money that Stripe does not list."),
        _(
            "The keys of another Stripe account were used when it was paid, or the data was"
            " copied from another shop."
        ),
        _("Search Stripe for this number, in test mode too. If it is not there, nobody paid."),
    ),
    "charge_differs": CheckText(
        _("A payment has another amount at Stripe than in our books"),
        _("Amount or currency differ, or Stripe moved the money more than once."),
        _("The payment was captured in part, in another currency, or twice."),
        _("Open it in Stripe. What came there counts; give back what was too much."),
    ),
    "refund_unknown": CheckText(
        _("Stripe sent back money that is not in our books"),
        _("A buyer got money back, and what it was paid for still counts as paid."),
        _(
            "Somebody made the refund in Stripe's own dashboard. The shop takes such a refund in by"
            " itself where an order has room for it; this one is of a top-up, or more than was"
            " left."
        ),
        _(
            "Make refunds in the back office only. If the buyer still has the money in the wallet,"
            " take it out there; note here what you did."
        ),
    ),
    "refund_missing": CheckText(
        _("Our books have a refund that Stripe does not have"),
        _("The shop believes that a buyer got money back, and Stripe sent none."),
        _("Stripe took the refund and dropped it, or the news of its failure got lost."),
        _("Look at the payment in Stripe. If nothing was sent back, the buyer still waits for it."),
    ),
    "refund_differs": CheckText(
        _("A refund has another amount at Stripe than in our books"),
        _("More or less went back than was booked."),
        _(
            "It came back from the buyer's bank and the news got lost, or it was sent more than"
            " once."
        ),
        _("Open the refund in Stripe; if it failed there, choose another way to pay the buyer."),
    ),
    "dispute_unknown": CheckText(
        _("Stripe took back a disputed payment that is not in our books"),
        _("A card holder's bank wants the money back, and the shop has not reacted."),
        _LATE_NEWS,
        _("Answer the dispute in Stripe before its last day. Suspend what was bought with it."),
    ),
    "dispute_missing": CheckText(
        _("Our books have a dispute that Stripe does not have"),
        _("The shop booked money away that Stripe never took."),
        _("It was only an inquiry, or it belongs to another Stripe account."),
        _("Look at the payment in Stripe; if nothing was taken, the booking has to be reversed."),
    ),
    "dispute_differs": CheckText(
        _("A dispute has another amount at Stripe than in our books"),
        _("The amount, the fee or the outcome of the dispute is not what was booked."),
        _("It was decided and the news got lost, or its fee was not known when it was booked."),
        _("Open the dispute in Stripe and compare amount, fee and outcome."),
    ),
    "movement_unknown": CheckText(
        _("Stripe moved money for a reason the shop does not book"),
        _("An adjustment, a reserve, a transfer: the balance at Stripe changed by it."),
        _("Stripe corrected something, or another service uses the same account."),
        _("Look it up in Stripe's list of balance transactions and note here what it was."),
    ),
    "booking_missing": CheckText(
        _("Our books moved money at Stripe for a reason Stripe cannot know"),
        _("An entry stands on the account of the gateway that is neither payment nor refund."),
        _("Somebody booked it by hand."),
        _("Open the posting. What is not money at Stripe belongs on another account."),
    ),
    "fee_differs": CheckText(
        _("A fee was booked otherwise than Stripe took it"),
        _("Costs are too high or too low in the books."),
        _TAMPERED,
        _("Open the posting and compare it with the balance transaction in Stripe."),
    ),
    "fee_unknown": CheckText(
        _("A fee is booked that Stripe did not take"),
        _("The books hold a cost for a movement that Stripe does not list."),
        _("The data was copied from another shop or another Stripe account."),
        _("Search Stripe for this balance transaction; if it is not there, the booking is wrong."),
    ),
}
