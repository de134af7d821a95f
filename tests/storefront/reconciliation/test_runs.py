"""Runs: once, resumed where they stood, tried again while the gateway is away, and told of."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

from storefront.bootstrap import Shop
from storefront.db import TransactionMisuse
from storefront.errors import Conflict
from storefront.kit.money import baht
from storefront.ledger.models import LedgerPosting, PostingKind
from storefront.providers import stripe_balance
from storefront.providers.payments import BalanceMovement, MovementPage
from storefront.reconciliation import comparing, movements
from storefront.reconciliation.flow import reconcile, start_nightly
from storefront.reconciliation.models import Difference, GatewayMovement
from tests.storefront.orders.purchases import counted_queries
from tests.support.books import LATER, Books


class Killed(BaseException):
    """The process ends here, as by kill -9."""


class Gateway:
    """The real adapter, with a limit to how often it may be asked before the process is killed,
    and with a change to what it brings."""

    def __init__(self, shop: Shop, *, pages: int = 99, changes: dict[str, Any] | None = None):
        self.real, self.pages, self.changes = shop.gateway, pages, changes or {}
        self.asked: list[str | None] = []

    def list_balance_movements(
        self, *, since: datetime, until: datetime, cursor: str | None = None
    ) -> MovementPage:
        self.asked.append(cursor)
        if len(self.asked) > self.pages:
            raise Killed
        page = self.real.list_balance_movements(since=since, until=until, cursor=cursor)
        changed = tuple(dataclasses.replace(one, **self.changes) for one in page.movements)
        return MovementPage(changed, page.next_cursor)


def with_gateway(shop: Shop, gateway: Gateway) -> Shop:
    return dataclasses.replace(shop, gateway=gateway)  # type: ignore[arg-type]


def count(books: Books, model: Any, *conditions: Any) -> int:
    with books.shop.database.reading() as session:
        return session.scalar(select(func.count()).select_from(model).where(*conditions)) or 0


def movement_behind(seen: Difference) -> dict[str, Any]:
    """The movement a difference was about."""
    return {
        "id": seen.subject_id,
        "kind": "other",
        "amount_satang": seen.actual,
        "fee_satang": 0,
        "cost_satang": 0,
        "currency": seen.currency,
        "created_at": seen.first_seen_at - LATER,
    }


def test_a_difference_stays_one_and_is_resolved_when_it_is_gone(books: Books) -> None:
    books.control("stripe/movements", kind="adjustment", amount=-700)
    first = books.reconcile()
    seen = books.only()
    second = books.reconcile()

    again = books.only()
    assert again.id == seen.id
    assert (again.first_run_id, again.last_run_id) == (first.id, second.id)
    assert (first.found, first.fresh, second.found, second.fresh) == (1, 1, 1, 0)

    books.corrupt("DELETE FROM gateway_movements")
    books.control("stripe/forget")
    third = books.reconcile()
    assert (third.state, third.resolved, third.found) == ("clean", 1, 0)
    with books.shop.database.reading() as session:
        assert session.get_one(Difference, seen.id).resolved_at is not None

    # It comes back: a new difference, the old one stays resolved.
    with books.shop.database.transaction() as session:
        session.add(GatewayMovement(**movement_behind(seen)))
    books.reconcile()
    assert books.only().id != seen.id
    assert count(books, Difference, Difference.subject_id == seen.subject_id) == 2


def test_reconciling_a_run_again_changes_nothing(books: Books) -> None:
    books.sell()
    run = books.reconcile()
    for _ in range(2):
        reconcile(books.at(), run.id)

    again = books.run(run.id)
    assert (again.attempts, again.finished_at) == (run.attempts, run.finished_at)
    assert count(books, LedgerPosting, LedgerPosting.kind == PostingKind.GATEWAY_FEE) == 1


@pytest.mark.parametrize("pages", range(4))
def test_a_run_that_was_killed_between_two_pages_goes_on_there(
    books: Books, pages: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stripe_balance, "PAGE_SIZE", 2)
    for _ in range(7):
        books.sell(baht(20))
    run_id = books.begin()
    dying = Gateway(books.shop, pages=pages)
    with pytest.raises(Killed):
        reconcile(with_gateway(books.at(), dying), run_id)
    half = books.run(run_id)
    assert (half.state, half.step, half.movements) == ("running", "fetch", 2 * pages)

    living = Gateway(books.shop)
    reconcile(with_gateway(books.at(), living), run_id)

    run = books.run(run_id)
    assert (run.state, run.movements, run.fees_booked) == ("clean", 7, 7)
    assert living.asked[0] == half.cursor
    assert len(living.asked) == 4 - pages
    assert count(books, GatewayMovement) == 7


@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_run_that_was_killed_between_two_batches_of_fees_books_each_once(
    books: Books, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(4):
        books.sell(baht(20))
    booked: list[str] = []
    book = movements._book_fee

    def die(session: Any, movement: GatewayMovement, *, now: datetime) -> None:
        if len(booked) == after:
            raise Killed
        booked.append(movement.id)
        book(session, movement, now=now)

    monkeypatch.setattr(movements, "_book_fee", die)
    monkeypatch.setattr(movements, "FEES_AT_ONCE", 1)
    run_id = books.begin()
    with pytest.raises(Killed):
        reconcile(books.at(), run_id)
    half = books.run(run_id)
    assert (half.step, half.fees_booked) == ("fees", after)

    monkeypatch.setattr(movements, "_book_fee", book)
    reconcile(books.at(), run_id)

    assert (books.run(run_id).state, books.run(run_id).fees_booked) == ("clean", 4)
    assert count(books, LedgerPosting, LedgerPosting.kind == PostingKind.GATEWAY_FEE) == 4


def test_a_run_that_was_killed_while_it_compared_counts_nothing_twice(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    books.control("stripe/movements", kind="charge", amount=12_345)
    books.reconcile()
    books.corrupt("UPDATE gateway_movements SET kind = 'payout'")
    run_id = books.begin()
    file_findings = comparing.file_findings

    def die(*args: Any, **kwargs: Any) -> None:
        file_findings(*args, **kwargs)
        if "charge_unknown" in args[2].codes:
            raise Killed

    monkeypatch.setattr("storefront.reconciliation.flow.file_findings", die)
    with pytest.raises(Killed):
        reconcile(books.at(), run_id)
    assert books.codes() == ["charge_unknown"], "what was filed by halves is undone"

    monkeypatch.setattr("storefront.reconciliation.flow.file_findings", file_findings)
    reconcile(books.at(), run_id)
    run = books.run(run_id)
    assert (run.resolved, run.state, run.attempts) == (1, "clean", 2)


def test_the_gateway_is_never_asked_inside_a_transaction(books: Books) -> None:
    now = books.shop.clock()
    with books.shop.database.transaction(), pytest.raises(TransactionMisuse):
        books.shop.gateway.list_balance_movements(since=now - timedelta(days=1), until=now)


def test_money_of_the_other_mode_fails_the_run(books: Books) -> None:
    books.sell()
    run_id = books.begin()
    wrong = with_gateway(books.at(), Gateway(books.shop, changes={"live_mode": True}))
    reconcile(wrong, run_id)

    assert "live mode" in (books.run(run_id).failure or "")
    assert count(books, GatewayMovement) == 0


def test_only_one_runs_at_a_time(books: Books) -> None:
    run_id = books.begin()
    with pytest.raises(Conflict) as refusal:
        books.begin()
    assert refusal.value.code == "reconciliation_running"
    assert start_nightly(books.at()) is None, "the night waits for it"

    reconcile(books.at(), run_id)
    assert start_nightly(books.at()) is not None


def test_a_window_follows_the_last_complete_one(books: Books) -> None:
    books.sell()
    first = books.reconcile()
    second = books.reconcile(timedelta(hours=30))
    assert second.window_from == first.window_until - timedelta(days=3)
    assert second.window_until > first.window_until


def test_too_many_differences_are_counted_and_the_first_are_filed(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    for amount in range(1_000, 1_005):
        books.control("stripe/movements", kind="charge", amount=amount)
    assert books.reconcile().found == 5
    monkeypatch.setattr(comparing, "MOST_FILED", 3)

    run = books.reconcile()

    # Nobody knows whether the other two are still there, so they stay open.
    assert (run.found, run.unfiled, run.resolved) == (5, 2, 0)


def test_the_number_of_statements_does_not_grow_with_the_shop(books: Books) -> None:
    """A benchmark of what can be counted: fees and pages apart, a shop of twenty sales is compared
    with as many statements as one of two."""

    def statements(run_id: UUID) -> int:
        with counted_queries(books.shop.database.engine) as seen:
            reconcile(books.at(), run_id)
        fees = books.run(run_id).fees_booked
        # A posting, the two accounts and the entries.
        return len(seen) - 4 * fees

    for _ in range(2):
        books.sell(baht(20))
    books.reconcile()
    few = statements(books.begin())
    for _ in range(18):
        books.sell(baht(20))
        books.control("stripe/movements", kind="charge", amount=1_000)
    many = statements(books.begin())

    # What was found has to be filed, and staff are told.
    assert many <= few + 12, (few, many)
    assert few <= 64


def test_movements_are_taken_as_the_adapter_reads_them(books: Books) -> None:
    payment = books.sell(baht(490))
    books.reconcile()
    with books.shop.database.reading() as session:
        (kept,) = session.scalars(select(GatewayMovement)).all()
    now = books.at().clock()
    (told,) = books.shop.gateway.list_balance_movements(
        since=now - timedelta(days=1), until=now
    ).movements
    assert isinstance(told, BalanceMovement)
    assert (kept.id, kept.source_id) == (told.movement_id, told.source_id)
    assert (kept.amount_satang, kept.fee_satang) == (49_000, 2_789)
    assert (kept.gateway_payment_id, kept.payment_id) == (payment.gateway_payment_id, payment.id)
