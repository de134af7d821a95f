"""Guests who became members: what came for them since follows them."""

from __future__ import annotations

import structlog

from storefront.bootstrap import Shop
from storefront.errors import DomainError
from storefront.guests.adoption import adopt_guest, find_leftovers

log = structlog.get_logger()


def finish_adoptions(shop: Shop) -> None:
    """Move what is left of guests who were adopted: a refund that went back to the lots it was
    taken from, or what a race left behind. Safe to run twice."""
    now = shop.clock()
    with shop.database.reading() as reader:
        found = [(one.id, one.merged_into) for one in find_leftovers(reader, now=now)]
    for guest_id, member_id in found:
        if member_id is None:
            continue
        try:
            with shop.database.transaction() as session:
                adopt_guest(session, guest_id, member_id=member_id, now=now)
        except DomainError as error:
            # One that cannot be moved must not keep the others.
            log.warning("guest_not_moved", guest=str(guest_id), error=error.code)
