"""Throwing away what nobody needs any more."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete

from storefront.accounts.models import SignInSession
from storefront.bootstrap import Shop
from storefront.cart.service import delete_stale_guest_carts
from storefront.catalog.csv_files.service import forget_stale_files
from storefront.guests.service import forget_guests
from storefront.licenses.checks import FORGOTTEN_AT_ONCE, forget_checks
from storefront.outbox import purge_finished
from storefront.outgoing.cleanup import purge_outgoing
from storefront.tebex.mailing import forget_claim_mails

DONE_MESSAGES_KEPT = timedelta(days=7)
ENDED_SESSIONS_KEPT = timedelta(days=30)
# Two million checks an hour, which is more than ever came.
CHECK_ROUNDS = 100


def purge(shop: Shop) -> None:
    """Old outbox messages, carts and guests that nobody came back to, old checks of keys and ended
    sign-ins; safe to run twice."""
    now = shop.clock()
    with shop.database.transaction() as session:
        purge_finished(session, older_than=DONE_MESSAGES_KEPT)
        delete_stale_guest_carts(session, now=now)
        forget_stale_files(session, now=now)
        forget_guests(session, now=now)
        forget_claim_mails(session, now=now)
        purge_outgoing(session, now=now)
        session.execute(
            delete(SignInSession).where(SignInSession.expires_at < now - ENDED_SESSIONS_KEPT)
        )
    _forget_old_checks(shop, now)


def _forget_old_checks(shop: Shop, now: datetime) -> None:
    """A transaction for each part of them: there may be millions."""
    for _ in range(CHECK_ROUNDS):
        with shop.database.transaction() as session:
            if forget_checks(session, now=now) < FORGOTTEN_AT_ONCE:
                return
