"""Licences by the clock: those that end, or soon will, those that look shared, and slots that moved
by themselves."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from storefront.bootstrap import Shop
from storefront.errors import DomainError
from storefront.licenses import expiry, news
from storefront.licenses.abuse import find_suspicions
from storefront.licenses.abuse_rules import find_rules
from storefront.licenses.flags import raise_flag

log = structlog.get_logger()

# One run ends even while more becomes due; the rest comes with the next.
MOST_BATCHES = 20


def expire_licenses(shop: Shop) -> int:
    """Mark licences whose end has come, a batch per transaction; returns how many. Safe to run
    twice, also at once, and to kill."""
    return _in_batches(shop, expiry.expire_licenses, size=expiry.BATCH)


def warn_of_license_expiry(shop: Shop) -> int:
    """Tell whose licence ends soon; returns how many. Safe to run twice, also at once, and to
    kill: each warning of each end is given once."""
    return _in_batches(shop, expiry.warn_of_expiry, size=expiry.BATCH)


def tell_of_moved_slots(shop: Shop) -> int:
    """Tell owners of slots that moved by themselves in the last hours; returns how many. Safe to
    run twice."""
    return _in_batches(shop, news.tell_of_moved_slots, size=news.BATCH)


def watch_licenses(shop: Shop) -> int:
    """Flag what looks shared, a licence per transaction; returns how many flags are new. Safe to
    run twice, also at once, and to kill."""
    now = shop.clock()
    with shop.database.reading() as reader:
        rules, _revision = find_rules(reader)
        suspicions = find_suspicions(reader, rules, now=now)
    fresh = 0
    for suspicion in suspicions:
        try:
            with shop.database.transaction() as session:
                fresh += raise_flag(session, suspicion, rules, now=now)
        except DomainError as error:
            # One that cannot be flagged must not keep the others.
            log.warning("license_not_flagged", code=error.code, kind=suspicion.kind)
    return fresh


def _in_batches(shop: Shop, run: Callable[..., int], *, size: int) -> int:
    done = 0
    for _ in range(MOST_BATCHES):
        with shop.database.transaction() as session:
            batch = run(session, now=shop.clock())
        done += batch
        if batch < size:
            break
    return done
