"""One reconciliation from its beginning to its end: several transactions, with the gateway asked
between them and never inside one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final
from uuid import UUID

import structlog

from storefront.bootstrap import Shop
from storefront.providers.payments import (
    BalanceMovement,
    GatewayRefused,
    GatewayUnavailable,
    MovementPage,
)
from storefront.reconciliation.checks import BOOKS, GATEWAY, Check
from storefront.reconciliation.comparing import (
    Moment,
    allow_long_statements,
    file_findings,
    make_check,
)
from storefront.reconciliation.models import ReconciliationRun, RunState, RunStep
from storefront.reconciliation.movements import book_next_fees, keep_movements
from storefront.reconciliation.service import (
    begin_attempt,
    close_run,
    fail_run,
    find_dead_run,
    finish_step,
    lock_run,
    retry_or_fail,
    start_nightly_run,
)

log = structlog.get_logger()


def start_nightly(shop: Shop) -> UUID | None:
    """Begin this night's run once it is due, if nobody has; a run that died is ended first. Safe
    to call by several schedulers at once, and as often as they like."""
    now = shop.clock()
    with shop.database.reading() as reader:
        dead = find_dead_run(reader, now=now)
    with shop.database.transaction() as session:
        if dead is not None:
            fail_run(session, dead, "the run died", now=now)
        run_id = start_nightly_run(session, now=now)
    if run_id is not None:
        log.info("reconciliation_begun", run_id=str(run_id))
    return run_id


def reconcile(shop: Shop, run_id: UUID) -> None:
    """Bring a run to its end from the step it stands at.

    Each step, and each page of movements, is one transaction that also notes how far it got: a
    killed worker's run is taken up there by the next. Two workers at once do nothing twice, since
    each transaction locks the run and looks where it stands; one that waits too long for that lock
    raises, and its message comes round again. A gateway that is away ends the attempt; the run is
    asked for again later, and fails after five attempts. Idempotent.
    """
    with shop.database.transaction() as session:
        step = begin_attempt(session, run_id, now=shop.clock())
    try:
        while step is not None:
            _STEPS[step](shop, run_id)
            step = _next_step(shop, run_id)
    except (GatewayUnavailable, GatewayRefused) as error:
        log.warning("reconciliation_interrupted", run_id=str(run_id), error=error.message)
        with shop.database.transaction() as session:
            retry_or_fail(session, run_id, error.message, now=shop.clock())


def _compare_books(shop: Shop, run_id: UUID) -> None:
    _compare(shop, run_id, RunStep.BOOKS, BOOKS)


def _compare_gateway(shop: Shop, run_id: UUID) -> None:
    _compare(shop, run_id, RunStep.GATEWAY, GATEWAY)


def _compare(shop: Shop, run_id: UUID, step: RunStep, checks: tuple[Check, ...]) -> None:
    now = shop.clock()
    with shop.database.transaction() as session:
        run = lock_run(session, run_id)
        if run.step != step:
            return
        allow_long_statements(session)
        moment = Moment(now, run.window_until)
        for check in checks:
            found = make_check(session, check, moment)
            file_findings(session, run_id, check, found, now=now)
        finish_step(run, now=shop.clock())


def _fetch_movements(shop: Shop, run_id: UUID) -> None:
    """Copy the movements of the run's window, page by page."""
    while (run := _read_run(shop, run_id)).step == RunStep.FETCH:
        page = shop.gateway.list_balance_movements(
            since=run.window_from, until=run.window_until, cursor=run.cursor
        )
        for movement in page.movements:
            _check_mode(shop, movement)
        _keep_page(shop, run_id, page, asked_after=run.cursor)


def _keep_page(shop: Shop, run_id: UUID, page: MovementPage, *, asked_after: str | None) -> None:
    now = shop.clock()
    with shop.database.transaction() as session:
        run = lock_run(session, run_id)
        if run.step != RunStep.FETCH or run.cursor != asked_after:
            return
        keep_movements(session, run, page.movements, now=now)
        run.cursor = page.next_cursor
        run.alive_at = now
        if page.next_cursor is None:
            finish_step(run, now=now)


def _check_mode(shop: Shop, movement: BalanceMovement) -> None:
    # R3: test money has no place in the books of a shop that takes real money, or the reverse.
    if movement.live_mode not in (None, shop.settings.live_mode):
        raise GatewayRefused(f"live mode of {movement.movement_id} differs")


def _book_fees(shop: Shop, run_id: UUID) -> None:
    booked = 1
    while booked:
        now = shop.clock()
        with shop.database.transaction() as session:
            run = lock_run(session, run_id)
            if run.step != RunStep.FEES:
                return
            booked = book_next_fees(session, now=now)
            run.fees_booked += booked
            run.alive_at = now
            if not booked:
                finish_step(run, now=now)


def _close(shop: Shop, run_id: UUID) -> None:
    with shop.database.transaction() as session:
        allow_long_statements(session)
        close_run(session, run_id, now=shop.clock())


def _next_step(shop: Shop, run_id: UUID) -> RunStep | None:
    run = _read_run(shop, run_id)
    if run.state != RunState.RUNNING:
        log.info("reconciliation_ended", run_id=str(run_id), state=run.state, found=run.found)
        return None
    return RunStep(run.step)


def _read_run(shop: Shop, run_id: UUID) -> ReconciliationRun:
    with shop.database.reading() as reader:
        return reader.get_one(ReconciliationRun, run_id)


_STEPS: Final[Mapping[RunStep, Callable[[Shop, UUID], None]]] = {
    RunStep.BOOKS: _compare_books,
    RunStep.FETCH: _fetch_movements,
    RunStep.FEES: _book_fees,
    RunStep.GATEWAY: _compare_gateway,
    RunStep.CLOSE: _close,
}
