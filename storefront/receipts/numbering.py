"""Numbers of receipts: one after the other, without a gap, in every series and year.

Money moves in many transactions at once, and a number that one of them took and then rolled back
would be missing for ever; waiting for each other at one counter, every checkout would queue. So a
paper is written without a number, and numbers are given right after it is committed, in a short
transaction of their own.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Text, case, func, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert
from sqlalchemy.orm import Session

from storefront.receipts.models import Receipt, ReceiptCounter
from storefront.receipts.snapshot import pack_seller, shop_as_seller

MOST_AT_ONCE: Final = 1_000


def number_receipts(
    session: Session, *, shop_name: str, now: datetime, most: int = MOST_AT_ONCE
) -> int:
    """Number the papers that have none, in the order in which they were issued; returns how many.

    Papers of a shop whose staff have not said who sells are given `shop_name` as the seller here,
    before anybody sees them. Locks the counter of each series and year with papers waiting, so
    callers at once come one after the other; a paper that has a number keeps it.
    """
    numbered = 0
    for series, year in session.execute(
        select(Receipt.series, Receipt.year)
        .where(Receipt.number.is_(None))
        .distinct()
        .order_by(Receipt.series, Receipt.year)
    ).all():
        counter = _lock_counter(session, series, year)
        # Read under the lock: whoever held it before has numbered some of them.
        given = _give_numbers(session, counter, shop_name=shop_name, now=now, most=most)
        counter.last_number += given
        numbered += given
    session.flush()
    return numbered


def _lock_counter(session: Session, series: str, year: int) -> ReceiptCounter:
    session.execute(
        insert(ReceiptCounter).values(series=series, year=year).on_conflict_do_nothing()
    )
    return session.scalars(
        select(ReceiptCounter)
        .where(ReceiptCounter.series == series, ReceiptCounter.year == year)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()


def _give_numbers(
    session: Session, counter: ReceiptCounter, *, shop_name: str, now: datetime, most: int
) -> int:
    waiting = (
        select(
            Receipt.id,
            func.row_number().over(order_by=(Receipt.issued_at, Receipt.id)).label("place"),
        )
        .where(
            Receipt.series == counter.series,
            Receipt.year == counter.year,
            Receipt.number.is_(None),
        )
        .order_by(Receipt.issued_at, Receipt.id)
        .limit(most)
        .subquery()
    )
    named = func.jsonb_set(
        Receipt.content,
        literal(["seller"], ARRAY(Text)),
        literal(pack_seller(shop_as_seller(shop_name)), JSONB),
    )
    given = session.scalars(
        update(Receipt)
        .where(Receipt.id == waiting.c.id)
        .values(
            number=counter.last_number + waiting.c.place,
            numbered_at=now,
            content=case(
                (func.jsonb_typeof(Receipt.content["seller"]) == "null", named),
                else_=Receipt.content,
            ),
        )
        .returning(Receipt.id)
        .execution_options(synchronize_session=False)
    )
    return len(given.all())
