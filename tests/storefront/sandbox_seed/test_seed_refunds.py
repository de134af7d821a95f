"""The favour in the demo: given once, however often the shop is seeded."""

from __future__ import annotations

from sqlalchemy import select

from storefront.bootstrap import Shop
from storefront.licenses.models import License
from storefront.outbox import OutboxMessage, enqueue
from storefront.refunds.models import Refund
from storefront.sandbox.seed.catalog import seed_catalog
from storefront.sandbox.seed.files import build_archives
from storefront.sandbox.seed.people import seed_people
from storefront.sandbox.seed.refunds import seed_refunds


def test_the_favour_is_given_once_and_a_second_seeding_deletes_no_mail(shop: Shop) -> None:
    now = shop.clock()
    seed_catalog(shop, build_archives(shop), now=now)
    seed_people(shop, now=now)
    seed_refunds(shop, now=now)
    with shop.database.transaction() as session:
        enqueue(session, "send_mail", {"event": "x", "subject_id": "y"}, dedupe_key="waiting")

    seed_refunds(shop, now=now)

    with shop.database.reading() as session:
        refund = session.scalars(select(Refund)).one()
        assert (refund.destination, refund.amount_satang) == ("wallet", 5_000)
        assert session.scalars(
            select(OutboxMessage.dedupe_key).where(OutboxMessage.task == "send_mail")
        ).all() == ["waiting"]
        assert "active" in session.scalars(select(License.status)).all()
