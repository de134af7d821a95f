"""The night run: at half past three in Bangkok, once a night, however many clocks there are."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import date, datetime, timedelta

import pytest
import requests
from sqlalchemy import select

from jobs.outbox import sweep_outbox
from jobs.reconciliation import start_due_run
from jobs.schedule import SCHEDULE
from storefront.bootstrap import Shop
from storefront.kit.clock import SHOP_ZONE, fixed_clock
from storefront.reconciliation.models import ReconciliationRun
from storefront.sandbox.serve import RunningSandbox


@pytest.fixture(autouse=True)
def new_account(sandbox: RunningSandbox) -> None:
    """A gateway at which no other test was paid."""
    requests.post(f"{sandbox.url}/control/stripe/forget", timeout=10).raise_for_status()


def at(shop: Shop, day: int, hour: int, minute: int) -> Shop:
    """The shop at a time of November 2026 on its wall clock."""
    moment = datetime(2026, 11, day, hour, minute, tzinfo=SHOP_ZONE)
    return dataclasses.replace(shop, clock=fixed_clock(moment))


def runs(shop: Shop) -> Sequence[ReconciliationRun]:
    with shop.database.reading() as session:
        return session.scalars(select(ReconciliationRun).order_by(ReconciliationRun.id)).all()


def finish(shop: Shop) -> None:
    """Let a worker do what the outbox holds."""
    sweep_outbox(shop, overdue=timedelta(0))


def test_the_clock_looks_every_minute() -> None:
    (entry,) = [one for one in SCHEDULE if one.run is start_due_run]
    assert entry.every == timedelta(minutes=1)


def test_each_night_has_one_run_that_begins_at_half_past_three(shop: Shop) -> None:
    for hour, minute in ((3, 30), (3, 31), (12, 0), (23, 59)):
        start_due_run(at(shop, 20, hour, minute))
        finish(shop)
    assert [run.day for run in runs(shop)] == [date(2026, 11, 20)]

    start_due_run(at(shop, 21, 3, 29))
    assert len(runs(shop)) == 1
    start_due_run(at(shop, 21, 3, 30))
    finish(shop)
    assert [run.day for run in runs(shop)] == [date(2026, 11, 20), date(2026, 11, 21)]
    assert {run.state for run in runs(shop)} == {"clean"}


def test_a_night_without_a_clock_is_made_up_for_in_the_morning(shop: Shop) -> None:
    start_due_run(at(shop, 20, 3, 30))
    finish(shop)
    start_due_run(at(shop, 22, 9, 15))
    finish(shop)
    assert [run.day for run in runs(shop)] == [date(2026, 11, 20), date(2026, 11, 22)]


def test_the_night_run_waits_for_one_that_is_going_on_and_comes_after_it(shop: Shop) -> None:
    start_due_run(at(shop, 21, 2, 0))
    start_due_run(at(shop, 21, 3, 30))
    assert [run.day for run in runs(shop)] == [date(2026, 11, 20)], "it is not done yet"
    finish(shop)
    start_due_run(at(shop, 21, 3, 31))
    assert [run.day for run in runs(shop)] == [date(2026, 11, 20), date(2026, 11, 21)]
