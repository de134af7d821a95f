"""What holds for purchases made at Tebex: values in, values out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from storefront.providers import tebex
from storefront.tebex.models import (
    PurchaseAction,
    PurchaseState,
    SubscriptionStanding,
    TebexDispute,
    TebexPurchase,
    TebexRenewal,
)

LINK_LIFETIME: Final = timedelta(days=30)
# Two mails to one address, asked for by whomever, are never closer together.
MAIL_PAUSE: Final = timedelta(minutes=5)
MAILS_KEPT: Final = timedelta(days=1)
DEAD_LINKS_KEPT: Final = timedelta(days=30)


class Standing(StrEnum):
    """What a purchase is worth: its keys are good, suspended or over. Unpaid is one whose payment
    we have not heard of, because its event is still to come."""

    UNPAID = "unpaid"
    GOOD = "good"
    DISPUTED = "disputed"
    ENDED = "ended"


# Renewals whose money is ours make keys longer; those that went back do not.
TAKEN_BACK: Final = (Standing.DISPUTED, Standing.ENDED)


class LinkState(StrEnum):
    """What a claim link is good for."""

    GOOD = "good"
    CLAIMED = "claimed"
    ENDED = "ended"
    DISPUTED = "disputed"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a purchase's money."""

    paid_at: datetime | None = None
    refunded_at: datetime | None = None
    dispute: TebexDispute = TebexDispute.NONE
    dispute_at: datetime | None = None

    @property
    def standing(self) -> Standing:
        """Which of the facts counts."""
        if self.refunded_at is not None or self.dispute is TebexDispute.LOST:
            return Standing.ENDED
        if self.dispute is TebexDispute.OPEN:
            return Standing.DISPUTED
        return Standing.UNPAID if self.paid_at is None else Standing.GOOD


_DISPUTES: Final = {
    tebex.DISPUTE_OPENED: TebexDispute.OPEN,
    tebex.DISPUTE_WON: TebexDispute.WON,
    tebex.DISPUTE_LOST: TebexDispute.LOST,
}
# `closed` names no winner; the status of the payment does.
_CLOSED_AS: Final = {
    tebex.STATUS_COMPLETE: TebexDispute.WON,
    tebex.STATUS_CHARGEBACK: TebexDispute.LOST,
}
# Of two words about a dispute in one second the final one counts.
_FINALITY: Final = {
    TebexDispute.NONE: 0,
    TebexDispute.OPEN: 1,
    TebexDispute.WON: 2,
    TebexDispute.LOST: 3,
}
# What the events about subscriptions say.
SUBSCRIPTION_WORDS: Final = {
    tebex.STARTED: SubscriptionStanding.ACTIVE,
    tebex.RENEWED: SubscriptionStanding.ACTIVE,
    tebex.CANCELLATION_REQUESTED: SubscriptionStanding.CANCELLING,
    tebex.CANCELLATION_ABORTED: SubscriptionStanding.ACTIVE,
    tebex.ENDED: SubscriptionStanding.ENDED,
}
_LAST_WORD: Final = {
    SubscriptionStanding.ACTIVE: 0,
    SubscriptionStanding.CANCELLING: 1,
    SubscriptionStanding.ENDED: 2,
}
HEARD: Final = (tebex.COMPLETED, tebex.REFUNDED, tebex.DISPUTE_CLOSED, *_DISPUTES)


def add_event(facts: Facts, event_type: str, *, status_id: int | None, at: datetime) -> Facts:
    """The facts after one more event, in whatever order and however often they come. An older word
    about a dispute never replaces a newer one."""
    if event_type == tebex.COMPLETED:
        return replace(facts, paid_at=facts.paid_at or at)
    if event_type == tebex.REFUNDED:
        return replace(facts, refunded_at=facts.refunded_at or at)
    word = _DISPUTES.get(event_type)
    if event_type == tebex.DISPUTE_CLOSED and status_id is not None:
        word = _CLOSED_AS.get(status_id)
    if word is None or not _is_newer(facts, word, at):
        return facts
    return replace(facts, dispute=word, dispute_at=at)


def facts_of(row: TebexPurchase | TebexRenewal) -> Facts:
    """The facts of a row."""
    return Facts(
        paid_at=row.paid_at,
        refunded_at=row.refunded_at,
        dispute=TebexDispute(row.dispute),
        dispute_at=row.dispute_at,
    )


def is_newer_word(
    word: SubscriptionStanding,
    at: datetime,
    *,
    than: SubscriptionStanding,
    said_at: datetime | None,
) -> bool:
    """Whether a word about a subscription replaces the one that is known; of two in one second the
    more final one counts."""
    return said_at is None or (at, _LAST_WORD[word]) > (said_at, _LAST_WORD[than])


def next_action(state: PurchaseState, facts: Facts, *, is_owned: bool) -> PurchaseAction | None:
    """What the facts do to a purchase; None when it is where it belongs."""
    if (facts.standing is Standing.ENDED) == (state is PurchaseState.ENDED):
        return None
    if facts.standing is Standing.ENDED:
        return PurchaseAction.END
    return PurchaseAction.HOLD_AGAIN if is_owned else PurchaseAction.WAIT_AGAIN


def first_units(quantities: Sequence[int]) -> list[int]:
    """The number of the first unit of each line when units are counted through a purchase."""
    return [1 + sum(quantities[:at]) for at in range(len(quantities))]


def locale_of(country: str) -> str:
    """The language of mails to a buyer, of whom Tebex tells the country alone."""
    return "th" if country == "TH" else "en"


def _is_newer(facts: Facts, word: TebexDispute, at: datetime) -> bool:
    if facts.dispute_at is None:
        return True
    return (at, _FINALITY[word]) > (facts.dispute_at, _FINALITY[facts.dispute])
