"""A gateway that is away, workers that are gone: tried again, given up, and staff are told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import requests
from sqlalchemy import func, select, update

from jobs.outbox import sweep_outbox
from storefront.kit.money import baht
from storefront.notifications.models import Notification
from storefront.outbox import OutboxMessage
from storefront.reconciliation.flow import reconcile, start_nightly
from storefront.reconciliation.models import ReconciliationRun
from tests.support.books import LATER, Books

AWAY = {"match": "GET /v1/balance_transactions", "status": 503, "times": 99}


def notices(books: Books) -> Sequence[Notification]:
    """What staff were told of reconciliation."""
    with books.shop.database.reading() as session:
        return session.scalars(
            select(Notification)
            .where(Notification.event.startswith("reconciliation"))
            .order_by(Notification.id)
        ).all()


def messages(books: Books) -> list[dict[str, Any]]:
    """What waits to reconcile, in the order it was asked for."""
    with books.shop.database.reading() as session:
        rows = session.scalars(
            select(OutboxMessage)
            .where(OutboxMessage.task == "reconcile")
            .order_by(OutboxMessage.id)
        )
        return [{"run": row.payload["run_id"], "at": row.available_at} for row in rows]


def test_while_stripe_is_away_the_run_waits_and_then_goes_on_by_itself(books: Books) -> None:
    books.sell()
    run_id = books.begin()
    books.control("stripe", fail_next=[AWAY])
    reconcile(books.at(), run_id)

    waiting = books.run(run_id)
    assert (waiting.state, waiting.step, waiting.attempts) == ("running", "fetch", 1)
    assert waiting.failure == "APIError 503"
    assert waiting.retry_at is not None
    assert waiting.retry_at - waiting.alive_at == timedelta(minutes=5)
    assert [one["run"] for one in messages(books)] == [str(run_id)] * 2
    assert messages(books)[1]["at"] == waiting.retry_at
    assert notices(books) == [], "nobody is woken for five minutes"

    books.control("stripe/reset")
    reconcile(books.at(LATER + timedelta(minutes=5)), run_id)
    run = books.run(run_id)
    assert (run.state, run.retry_at, run.failure) == ("clean", None, None)


def test_a_run_that_stays_without_stripe_fails_with_what_the_books_say(books: Books) -> None:
    books.sell()
    books.make.wallet(books.make.user(), baht(100))
    books.corrupt("UPDATE wallet_lots SET remaining_satang = remaining_satang - 1")
    run_id = books.begin()
    books.control("stripe", fail_next=[AWAY])
    for _ in range(6):
        reconcile(books.at(), run_id)

    run = books.run(run_id)
    assert (run.state, run.step, run.attempts) == ("failed", "fetch", 5)
    assert (run.found, run.fresh, run.balances) == (1, 1, None)
    assert books.codes() == ["wallet_lots"]
    assert [one.event for one in notices(books)] == [
        "reconciliation_differences",
        "reconciliation_failed",
    ]

    # A failed run is not complete: the next one asks for its window too.
    books.control("stripe/reset")
    following = books.reconcile()
    assert following.window_from == run.window_from
    assert following.state == "differences"


def test_staff_are_told_once_of_what_is_new_by_notice_and_mail(books: Books) -> None:
    requests.delete(f"{books.sandbox.url}/inbox.json", timeout=10)
    books.make.user(role="admin", locale="th", email="ploy@example.com")
    books.make.user(role="admin", email=None)
    books.make.user(role="moderator", email="mod@example.com")
    books.make.user(role="admin", email="gone@example.com", banned_at=books.shop.clock())
    books.control("stripe/movements", kind="charge", amount=12_345)
    run_id = books.begin()
    for _ in range(2):
        sweep_outbox(books.at(), overdue=timedelta(0))
    books.reconcile()
    sweep_outbox(books.at(), overdue=timedelta(0))

    assert books.run(run_id).state == "differences"
    told = notices(books)
    assert len(told) == 3
    assert {(one.event, one.path) for one in told} == {
        ("reconciliation_differences", "/admin/reconciliation")
    }
    mails = requests.get(f"{books.sandbox.url}/inbox.json", timeout=10).json()
    assert {mail["to"] for mail in mails} == {"mali@example.com", "ploy@example.com"}
    (english,) = [mail for mail in mails if mail["to"] == "mali@example.com"]
    assert english["subject"] == "1 new difference between books and gateway"
    for part in ("text", "html"):
        assert "http://localhost/en/admin/reconciliation" in english[part]
    assert "because of a purchase" not in english["html"]


def test_staff_are_told_by_mail_that_a_run_failed(books: Books) -> None:
    requests.delete(f"{books.sandbox.url}/inbox.json", timeout=10)
    run_id = books.begin()
    books.control("stripe", fail_next=[AWAY])
    for _ in range(5):
        reconcile(books.at(), run_id)
    books.control("stripe/reset")
    sweep_outbox(books.shop, overdue=timedelta(0))

    (mail,) = requests.get(f"{books.sandbox.url}/inbox.json", timeout=10).json()
    assert (mail["to"], mail["subject"]) == ("mali@example.com", "The reconciliation failed")
    assert "APIError 503" in mail["text"]


def test_a_run_whose_message_was_lost_is_ended_and_the_night_goes_on(books: Books) -> None:
    run_id = books.begin(timedelta(0))
    with books.shop.database.transaction() as session:
        session.execute(update(OutboxMessage).values(state="dead"))
    assert start_nightly(books.at(timedelta(hours=2, minutes=59))) is None

    nightly = start_nightly(books.at(timedelta(hours=3, minutes=1)))

    assert nightly is not None
    dead = books.run(run_id)
    assert (dead.state, dead.failure) == ("failed", "the run died")
    assert [one.event for one in notices(books)] == ["reconciliation_failed"]
    reconcile(books.at(), run_id)
    assert books.run(run_id).state == "failed", "a late worker changes nothing"
    with books.shop.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(ReconciliationRun)) == 2
