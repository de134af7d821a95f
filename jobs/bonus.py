"""Booking out bonus whose time is over, and telling its owner some days before."""

from __future__ import annotations

import structlog

from storefront.bootstrap import Shop
from storefront.wallet.bonus import BATCH, expire_bonus, find_expired_wallets, warn_of_expiry

log = structlog.get_logger()

# One run ends even while more becomes due; the rest comes with the next.
MOST_BATCHES = 20


def expire_bonuses(shop: Shop) -> int:
    """Book expired bonus out, a wallet per transaction; returns how many wallets. Safe to run
    twice, also at once, and to kill. Nobody can spend it before that either: what may be spent
    goes by the clock, not by this job."""
    wallets = 0
    for _ in range(MOST_BATCHES):
        now = shop.clock()
        with shop.database.reading() as session:
            due = find_expired_wallets(session, now=now)
        for account_id in due:
            with shop.database.transaction() as session:
                booked = expire_bonus(session, account_id, now=now)
            if booked:
                log.info("bonus_expired", account_id=str(account_id), satang=booked.satang)
        wallets += len(due)
        if len(due) < BATCH:
            break
    return wallets


def warn_of_bonus_expiry(shop: Shop) -> int:
    """Tell whose bonus ends soon, a batch per transaction; returns how many lots. Safe to run
    twice, also at once, and to kill: a lot is told of once."""
    told = 0
    for _ in range(MOST_BATCHES):
        with shop.database.transaction() as session:
            batch = warn_of_expiry(session, now=shop.clock())
        told += batch
        if batch < BATCH:
            break
    return told
